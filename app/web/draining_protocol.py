import asyncio
from typing import cast

from app.web.http_protocol import LINGER, PatientProtocol
from app.web.joined_transport import Joined
from app.web.refusals import BODY_IN_UPGRADE


class DrainingProtocol(PatientProtocol):
    """
    HTTP/1.1 whose shutdown loses no request. uvicorn's closes at once a connection that it has accepted and
    not read from, whose client then gets no answer; this one answers what arrives in a moment, and tells the
    client to close.
    """

    _draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        joined = Joined(transport, self.loop, self._may_close)
        super().connection_made(cast(asyncio.Transport, joined))

    def shutdown(self) -> None:
        if self._is_idle():
            self._draining = True
            self.loop.call_later(LINGER, self._close_if_idle)
        elif self._answering is not None and self._answering.scope["state"].get("streams"):
            self.transport.close()  # it would not end by itself; its client connects again
        else:
            super().shutdown()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        if self._draining:
            # It would not hear of the shutdown, which has begun; its client connects again.
            self.transport.close()
        elif not self._is_idle():
            self._end_after_answers()  # what is still to be answered would go into the socket
        elif self._upgrade_has_body():
            self._refuse(BODY_IN_UPGRADE)
        else:
            self._arrived()
            if isinstance(self.transport, Joined):
                self.transport = self.transport.release()
            super().handle_websocket_upgrade()

    def _may_close(self) -> bool:
        """Not at once while a client sends what nobody reads: it would not see its answer. It sees its end
        then, and has as long to close as to begin another request."""
        answered = self.cycle is not None and self.cycle.response_complete
        lingers = answered and self._incoming and not self._in_head and not self._ending
        self._ending = self._ending or lingers
        return not lingers

    def _close_if_idle(self) -> None:
        if self._is_idle() and not self.transport.is_closing():
            self.transport.close()
