"""The models as metadata: usable without a connection, and shaped alike."""

import contextvars
import subprocess
import sys
from uuid import UUID

import pytest
from tortoise import Tortoise
from tortoise.models import Model

from app import models
from app.models import new_id, parse_id

TENANT_MODELS = (
    models.Comment,
    models.Event,
    models.EventText,
    models.Label,
    models.Membership,
    models.Project,
    models.Status,
    models.Task,
    models.TaskLabel,
    models.TaskRelation,
)
PROGRAM = """
from tortoise import Tortoise
from tortoise.models import Model
from app import models
Tortoise.init_models(models.MODULES, models.APP_LABEL)
print(*models.Task._meta.backward_fk_fields)
print(models.Task._meta.fields_map["assignee"].related_model.__name__)
"""


def test_relations_are_known_without_a_connection() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    relations, assignee = result.stdout.splitlines()
    assert {"comments", "subtasks", "relations", "inverse_relations"} <= set(relations.split())
    assert assignee == "User"


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_every_row_of_a_tenant_names_its_workspace(model: type[Model]) -> None:
    contextvars.Context().run(Tortoise.init_models, models.MODULES, models.APP_LABEL)
    assert "workspace_id" in model._meta.fields_db_projection
    assert not model._meta.fields_map["workspace_id"].null


def test_ids_are_version_7_and_ascend() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {one.version for one in ids} == {7}
    assert ids == sorted(ids)


def test_an_id_has_one_spelling() -> None:
    one = new_id()
    assert parse_id(str(one)) == one
    for text in (
        str(one).upper(),
        one.hex,
        f"{{{one}}}",
        f"urn:uuid:{one}",
        f"{one} ",
        "",
        "x",
        "\0",
        "🙂" * 36,
    ):
        assert parse_id(text) is None, text
    assert parse_id(str(UUID(int=0))) == UUID(int=0)
