"""Which SQL statements a mutation costs: those of its transaction, then those of the payload."""

from typing import Any

from tests.harness.people import Person
from tests.harness.verbs import document

BEGIN, COMMIT = "Transaction.begin", "Transaction.commit"
TASK = ["TaskPayload.task"]


async def statements(person: Person, name: str, **arguments: Any) -> list[str]:
    answer = await person.run(document(name, arguments), arguments)
    assert answer.data[name]["userErrors"] == []
    assert answer.extensions["sqlQueries"] == len(answer.statements)
    return answer.statements


async def test_create(person: Person) -> None:
    given = {"projectId": person.project_id, "title": "x"}
    create = ["Project.allocateNumber", "Task.insert", "Event.append"]
    assert await statements(person, "taskCreate", input=given) == [BEGIN, *create, COMMIT, *TASK]
    with_key = ["IdempotencyKey.claim", *create]
    assert await statements(person, "taskCreate", input=given, idempotencyKey="once") == [
        *(BEGIN, *with_key, COMMIT, *TASK)
    ]


async def test_update_and_complete(person: Person) -> None:
    id_ = (await person.task())["id"]
    rename = {"id": id_, "input": {"title": "Renamed"}}
    update = ["Task.lock", "Task.update", "Event.append"]
    assert await statements(person, "taskUpdate", **rename) == [BEGIN, *update, COMMIT, *TASK]
    assert await statements(person, "taskUpdate", **rename) == [BEGIN, "Task.lock", COMMIT, *TASK]
    unchanged = ["IdempotencyKey.claim", "Task.lock", "IdempotencyKey.store"]
    assert await statements(person, "taskUpdate", **rename, idempotencyKey="same") == [
        *(BEGIN, *unchanged, COMMIT, *TASK)
    ]
    repeat = ["IdempotencyKey.claim", "IdempotencyKey.read"]
    assert await statements(person, "taskUpdate", **rename, idempotencyKey="same") == [
        *(BEGIN, *repeat, COMMIT, "Viewer.load", *TASK)
    ]
    complete = ["Task.lock", "Project.statuses", "Task.update", "Event.append"]
    assert await statements(person, "taskComplete", id=id_) == [BEGIN, *complete, COMMIT, *TASK]


async def test_move(person: Person) -> None:
    one, other = [(await person.task())["id"] for _ in range(2)]
    move = ["Project.lock", "Task.lock", "Task.find", "Task.neighbours", "Task.update", "Event.append"]
    assert await statements(person, "taskMove", id=other, beforeId=one) == [BEGIN, *move, COMMIT, *TASK]


async def test_comment(person: Person) -> None:
    given = {"taskId": (await person.task())["id"], "body": "x"}
    create = ["Task.find", "Comment.insert", "Event.append"]
    payload = "CommentPayload.comment"
    assert await statements(person, "commentCreate", input=given) == [BEGIN, *create, COMMIT, payload]
    assert await statements(person, "commentCreate", input=given, validateOnly=True) == [
        *(BEGIN, *create, payload, "Transaction.rollback")
    ]


async def test_signing_up(person: Person) -> None:
    given = {"email": f"another-{person.email}", "password": "x7" * 5, "name": "Robin"}
    answer = await person.api.run(
        "mutation ($input: SignUpInput!) { signUp(input: $input) { userErrors { code } } }", {"input": given}
    )
    assert answer.data["signUp"]["userErrors"] == []
    assert {BEGIN, "User.insert", "Event.append", COMMIT} <= set(answer.statements)
