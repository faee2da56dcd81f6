from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.infra.embedded.lock import Owner


class EmbeddedError(Exception):
    """An embedded server cannot run; the message says what to do."""


class AlreadyRunning(EmbeddedError):
    """Another process uses the data folder. `owner` says which, and where its servers are."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner.describe())
        self.owner = owner
