"""Demo data: a workspace with two projects, as a team would have left it after some months of work."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.config import Settings
from app.domain import labels, members, projects, workspaces
from app.domain.demo_content import PEOPLE, PROJECTS, DemoProject, DemoTask, label_colors, load
from app.domain.demo_history import Setting, Step, history_of
from app.domain.passwords import Passwords
from app.domain.viewer import Viewer
from app.domain.write import Write
from app.infra.db import Database, OpenTransaction
from app.models import Label, Project, Role, User, Workspace, new_id

OWNER: Final = PEOPLE[0]
EMAIL: Final = OWNER.email
PASSWORD: Final = "taskflow-demo"  # noqa: S105  # printed for everybody to read
WORKSPACE_SLUG: Final = "acme-delivery"

_AGE = timedelta(days=120)  # of the workspace: older than its oldest task
_READY_SECONDS = 30
ADVISORY_LOCK: Final = 1_205_759_403


class DemoRefused(Exception):
    """A password that everybody knows has no place in production."""


async def seed(settings: Settings, *, force: bool = False) -> bool:
    """Fills a migrated database. Returns False, and writes nothing, when the demo data is there already.

    Raises DatabaseUnavailable, and DemoRefused in production unless forced.
    """
    if settings.is_production and not force:
        raise DemoRefused("The demo user's password is public: no demo data in production.")
    database = Database(settings)
    await database.start()
    try:
        await database.wait_ready(_READY_SECONDS)
        return await fill(database, datetime.now(UTC))
    finally:
        await database.stop()


async def fill(database: Database, now: datetime) -> bool:
    """All of it in one transaction, of two at once only one. The content's days are counted from `now`."""
    transaction = await database.begin()
    try:
        await transaction.fetch("Demo.lock", "SELECT pg_advisory_xact_lock($1)", [ADVISORY_LOCK])
        if await transaction.fetch("Demo.user", _USER, [EMAIL]):
            return False
        await _Seed(transaction, now).run()
        await transaction.commit()
    finally:
        await transaction.rollback()
    return True


class _Seed:
    """Everything goes through the verbs: each step by somebody, at its time in the past."""

    def __init__(self, transaction: OpenTransaction, now: datetime) -> None:
        self._transaction = transaction
        self._now = now
        self._viewers: dict[str, Viewer] = {}

    async def run(self) -> None:
        await self._add_people()
        workspace = await self._add_workspace()
        contents = [load(about) for about in PROJECTS]
        shared = await self._add_labels(_shared_labels(contents), workspace_id=str(workspace.id))
        steps: list[Step] = []
        for about, content in zip(PROJECTS, contents, strict=True):
            project = await self._add_project(workspace, about)
            names = {name for task in content for name in task.labels} - shared.keys()
            own = await self._add_labels(names, project_id=str(project.id))
            steps += history_of(content, await self._setting(project, shared | own))
        for step in sorted(steps, key=lambda step: step.at):
            write = self._write(step.by, step.at)
            await step.run(write)
            await write.finish()

    async def _add_people(self) -> None:
        passwords = Passwords()
        try:
            password_hash = await passwords.hash(PASSWORD)
        finally:
            passwords.close()
        born = self._now - _AGE
        for person in PEOPLE:
            user = User(
                id=new_id(),
                email=person.email,
                name=person.name,
                timezone=person.timezone,
                password_hash=password_hash,
                created_at=born,
                updated_at=born,
            )
            viewer = self._viewers[person.handle] = Viewer(user.id, new_id(), {})
            await Write(self._transaction, viewer, born).insert(user, None)

    async def _add_workspace(self) -> Workspace:
        write = self._write()
        workspace = await workspaces.create(write, id=None, slug=WORKSPACE_SLUG, name="Acme Delivery")
        for person in PEOPLE:
            role = Role(person.role)
            if person is not OWNER:
                await members.add(write, workspace_id=str(workspace.id), email=person.email, role=role)
            viewer = self._viewers[person.handle]
            self._viewers[person.handle] = Viewer(viewer.user_id, viewer.session_id, {workspace.id: role})
        await write.finish()
        return workspace

    async def _add_project(self, workspace: Workspace, about: DemoProject) -> Project:
        write = self._write()
        project = await projects.create(
            write,
            id=None,
            workspace_id=str(workspace.id),
            key=about.key,
            name=about.name,
            description=about.description,
        )
        await write.finish()
        return project

    async def _add_labels(
        self, names: set[str], *, workspace_id: str | None = None, project_id: str | None = None
    ) -> dict[str, UUID]:
        write = self._write()
        added: dict[str, Label] = {}
        for name, color in label_colors(names).items():
            creation = labels.LabelCreation(
                name=name, color=color, workspace_id=workspace_id, project_id=project_id
            )
            added[name] = await labels.create(write, creation)
        await write.finish()
        return {name: label.id for name, label in added.items()}

    async def _setting(self, project: Project, label_ids: dict[str, UUID]) -> Setting:
        rows = await self._transaction.fetch("Demo.statuses", _STATUSES, [project.id])
        return Setting(
            project_id=project.id,
            statuses={row["name"]: row["id"] for row in rows},
            labels=label_ids,
            people={handle: viewer.user_id for handle, viewer in self._viewers.items()},
            writers=[person.handle for person in PEOPLE if person.role != Role.GUEST],
            now=self._now,
        )

    def _write(self, handle: str = OWNER.handle, at: datetime | None = None) -> Write:
        write = Write(self._transaction, self._viewers[handle], at or self._now - _AGE)
        write.vouch()  # nobody has signed in
        return write


def _shared_labels(contents: Sequence[Sequence[DemoTask]]) -> set[str]:
    """Labels that every project uses belong to the workspace, the others to their project."""
    used = [{name for task in content for name in task.labels} for content in contents]
    return set.intersection(*used)


_USER = 'SELECT 1 FROM "users" WHERE lower("email") = lower($1)'
_STATUSES = 'SELECT "id", "name" FROM "statuses" WHERE "project_id" = $1'
