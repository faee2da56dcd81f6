from typing import Final

import httptools

from app.web.http_pipeline import PipeliningProtocol

_BODY_HEADERS: Final = (b"content-length", b"transfer-encoding")


class UpgradingProtocol(PipeliningProtocol):
    """HTTP/1.1 that upgrades to WebSocket, and takes a request for another protocol as if it did not ask for
    that (RFC 9110, 7.8). Java's client asks for h2c in its first request, and httptools takes what follows
    such a head, its body too, for the other protocol."""

    _declined = False
    """Whether what is read is a head that asks for another protocol, which is read again without that."""

    def on_message_begin(self) -> None:
        self._declined = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._declined = any(name == b"upgrade" for name, _ in self.headers)  # CONNECT needs none
        if not self._declined:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._declined:
            self.on_request_complete()

    def on_request_complete(self) -> None:
        """Of a request that is not read again."""
        super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        """Raises HttpParserUpgrade where another protocol follows, and what else the parser does."""
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if not self._declined:
                    raise
                rest = memoryview(rest)[upgrade.args[0] :]
                self._read_again()

    def _read_again(self) -> None:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _upgrade_has_body(self) -> bool:
        return any(name in _BODY_HEADERS and value != b"0" for name, value in self.headers)
