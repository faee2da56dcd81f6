"""How many SQL statements an answer costs: as many for many rows as for one."""

from collections.abc import Awaitable, Callable

from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.server import Server
from tests.harness.world import World, comment, make_world, relate

TASK_PAGE = """
query ($first: Int) {
  tasks(first: $first) {
    nodes {
      id identifier title priority dueDate version
      project { id key } status { name type } assignee { name } creator { name } parent { id }
      labels(first: 5) { nodes { name } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
EVERYTHING = """
query ($first: Int) {
  tasks(first: $first) {
    totalCount
    nodes {
      identifier isBlocked commentCount viewerCanUpdate subtasksSummary { total completed }
      labels { totalCount nodes { name project { key } } }
      subtasks { nodes { identifier status { name } assignee { name } } }
      comments { nodes { body author { name } replies { nodes { body author { name } } } } }
      activity(first: 3) { nodes { type actor { name } } }
      blockedBy { nodes { identifier } } blocks { nodes { identifier } }
      relations { nodes { type relatedTask { identifier } } }
    }
  }
}"""


async def test_the_number_of_rows_does_not_matter(person: Person, stranger: Person) -> None:
    world = await make_world(person, stranger)
    few = {document: await person.run(document, {"first": 50}) for document in (TASK_PAGE, EVERYTHING)}
    for number in range(12):
        await _grow(world, number)
    for document, before in few.items():
        after = await person.run(document, {"first": 50})
        assert len(after.data["tasks"]["nodes"]) == len(before.data["tasks"]["nodes"]) + 36
        assert sorted(after.statements) == sorted(before.statements)


async def test_a_page_of_tasks(person: Person, stranger: Person) -> None:
    """What a task points to rides along with it; only lists take statements of their own."""
    await make_world(person, stranger)
    answer = await person.run(TASK_PAGE, {"first": 50})
    assert answer.statements == ["Query.tasks", "Task.labels"]


async def test_no_statement_runs_twice(person: Person, stranger: Person) -> None:
    await make_world(person, stranger)
    answer = await person.run(EVERYTHING, {"first": 50})
    assert len(answer.statements) == len(set(answer.statements)) <= 25


async def test_what_is_counted_is_what_is_listed(person: Person) -> None:
    answer = await person.run(TASK_PAGE, {"first": 1})
    assert answer.extensions["sqlQueries"] == len(answer.statements)
    assert answer.extensions["dbMs"] >= 0


async def test_production_keeps_it_to_itself(
    start_server: Callable[..., Awaitable[Server]], api_of: Callable[[Server], Api], person: Person
) -> None:
    production = await start_server(NODE_ENV="production")
    answer = await person.run(TASK_PAGE, {"first": 1}, api=api_of(production))
    assert "statements" not in answer.extensions
    assert not answer.errors


async def _grow(world: World, number: int) -> None:
    """One more task with a subtask, labels, comments and relations, and one that it blocks."""
    owner, project_id = world.owner, world.project["id"]
    task = await owner.task(f"More {number}", project_id, labelIds=[world.label_id], assigneeId=owner.id)
    await owner.task("Below", project_id, parentId=task["id"])
    waits = await world.member.task("Waits", project_id)
    await relate(owner, task, waits)
    await comment(owner, task, "Reply to this.", parentId=await comment(world.member, task, "Something."))
