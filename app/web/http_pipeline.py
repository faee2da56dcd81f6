from collections.abc import Iterator

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.web.http_cycle import Cycle


class PipeliningProtocol(HttpToolsProtocol):
    """HTTP/1.1 that knows which of its requests is being answered. uvicorn knows the newest alone: of those
    before it none hears that its client has left, and what is wrong with it is answered in their place."""

    _answering: RequestResponseCycle | None = None
    """The request whose answer is on its way, or the last one that was answered."""

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in self._unanswered():
            cycle.disconnected = True
            cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        cycle.__class__ = Cycle  # uvicorn has no setting for the class that it makes
        super()._start_asgi_task(cycle, app)

    def _unanswered(self) -> Iterator[RequestResponseCycle]:
        """The oldest first."""
        if self._answering is not None and not self._answering.response_complete:
            yield self._answering
        for cycle, _ in reversed(self.pipeline):
            yield cycle

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _end_after_answers(self) -> None:
        """Ends the connection once all that is known here is answered."""
        self.cycle.keep_alive = False

    def _withdraw(self) -> bool:
        """Takes the newest request back where those before it are answered first, and the end comes then."""
        if not self.pipeline or self.cycle is self._answering:
            return False
        self.pipeline.popleft()
        *_, self.cycle = self._unanswered()
        self._end_after_answers()
        return True
