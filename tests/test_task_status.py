import asyncpg
import pytest

from tests.harness.client import Json
from tests.harness.people import Person
from tests.harness.verbs import done, events_of, fault


@pytest.fixture
async def project(person: Person) -> Json:
    return await person.project()


async def put(person: Person, project: Json, task: Json, name: str, verb: str = "taskUpdate") -> Json:
    status_id = project["statuses"][name]["id"]
    given = {"statusId": status_id} if verb == "taskMove" else {"input": {"statusId": status_id}}
    changed: Json = (await done(person, verb, id=task["id"], **given))["task"]
    assert changed["status"]["name"] == name
    return changed


async def test_complete_and_reopen(person: Person, project: Json, sql: asyncpg.Pool) -> None:
    task = await person.task(project_id=project["id"])
    started = await put(person, project, task, "In Review")
    completed = (await done(person, "taskComplete", id=task["id"]))["task"]
    assert completed["status"]["name"] == "Done"
    assert completed["completedAt"] is not None
    assert completed["startedAt"] == started["startedAt"] is not None
    again = await done(person, "taskComplete", id=task["id"])
    assert (again["task"], again["syncSeq"]) == (completed, None)
    reopened = (await done(person, "taskReopen", id=task["id"]))["task"]
    assert (reopened["status"]["name"], reopened["completedAt"]) == ("In Review", None)
    types = [event["type"] for event in await events_of(sql, task["id"])]
    assert types == ["task.created", "task.updated", "task.completed", "task.reopened"]


async def test_complete_takes_the_first_completed_status_by_position(
    person: Person, project: Json, sql: asyncpg.Pool
) -> None:
    await sql.execute(
        "INSERT INTO statuses (id, workspace_id, project_id, name, color, type, position)"
        " SELECT gen_random_uuid(), workspace_id, project_id, 'Shipped', color, 'COMPLETED', -1"
        " FROM statuses WHERE id = $1",
        project["statuses"]["Done"]["id"],
    )
    task = await person.task(project_id=project["id"])
    completed = (await done(person, "taskComplete", id=task["id"]))["task"]
    assert completed["status"]["name"] == "Shipped"
    # From one COMPLETED status to another it stays completed, and remembers where it came from.
    moved = await put(person, project, task, "Done")
    assert moved["completedAt"] == completed["completedAt"]
    assert (await done(person, "taskReopen", id=task["id"]))["task"]["status"]["name"] == "Todo"


@pytest.mark.parametrize("verb", ["taskUpdate", "taskMove"])
async def test_a_status_set_by_other_verbs_keeps_the_times_right(
    person: Person, project: Json, verb: str
) -> None:
    task = await person.task(project_id=project["id"])
    started = await put(person, project, task, "In Progress", verb)
    assert (started["startedAt"] is not None, started["completedAt"]) == (True, None)
    review = await put(person, project, task, "In Review", verb)
    assert review["startedAt"] == started["startedAt"]
    finished = await put(person, project, task, "Done", verb)
    assert (finished["startedAt"], finished["completedAt"] is not None) == (started["startedAt"], True)
    assert (await done(person, "taskReopen", id=task["id"]))["task"]["status"]["name"] == "In Review"
    await put(person, project, task, "Done", verb)
    canceled = await put(person, project, task, "Canceled", verb)
    assert (canceled["completedAt"], canceled["startedAt"]) == (None, started["startedAt"])
    reopened = (await done(person, "taskReopen", id=task["id"]))["task"]
    assert (reopened["status"]["name"], reopened["startedAt"]) == ("Todo", None)


async def test_from_canceled_by_way_of_done_it_is_open_again(
    person: Person, project: Json, sql: asyncpg.Pool
) -> None:
    task = await person.task(project_id=project["id"])
    await put(person, project, task, "In Progress")
    await put(person, project, task, "Canceled")
    await done(person, "taskComplete", id=task["id"])
    assert (await done(person, "taskReopen", id=task["id"]))["task"]["status"]["name"] == "Todo"
    # A status may also become one that is not open, after a task was completed from it.
    await put(person, project, task, "In Review")
    await done(person, "taskComplete", id=task["id"])
    await sql.execute(
        "UPDATE statuses SET type = 'CANCELED' WHERE id = $1", project["statuses"]["In Review"]["id"]
    )
    assert (await done(person, "taskReopen", id=task["id"]))["task"]["status"]["name"] == "Todo"


async def test_a_task_created_done_reopens_as_unstarted(person: Person, project: Json) -> None:
    task = await person.task(project_id=project["id"], statusId=project["statuses"]["Done"]["id"])
    assert (await done(person, "taskReopen", id=task["id"]))["task"]["status"]["name"] == "Todo"


async def test_only_the_projects_own_statuses(person: Person, project: Json) -> None:
    task = await person.task()
    foreign = project["statuses"]["Done"]["id"]
    code, field, _ = await fault(person, "taskUpdate", id=task["id"], input={"statusId": foreign})
    assert (code, field) == ("NOT_FOUND", ["input", "statusId"])
    code, field, _ = await fault(person, "taskMove", id=task["id"], statusId=foreign)
    assert (code, field) == ("NOT_FOUND", ["statusId"])
