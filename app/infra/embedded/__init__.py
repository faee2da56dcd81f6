"""A real PostgreSQL and a real Redis for machines that have neither, as children of the serving process."""

from app.infra.embedded.errors import AlreadyRunning, EmbeddedError
from app.infra.embedded.lock import Owner
from app.infra.embedded.servers import EmbeddedServers

__all__ = ["AlreadyRunning", "EmbeddedError", "EmbeddedServers", "Owner"]
