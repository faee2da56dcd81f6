"""Redis' wire format (RESP 2): commands to bytes, and bytes to replies as they arrive."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from hiredis import ProtocolError, Reader, ReplyError

__all__ = ["Replies", "Reply", "ReplyError", "encode"]

Reply: TypeAlias = Any
"""An int, bytes, None, a list of those, or a ReplyError: a value, not raised, as others in the same piece are
fine."""

_INCOMPLETE = object()


def encode(parts: Sequence[bytes]) -> bytes:
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


class Replies:
    """Fed with what the socket delivers, in whatever pieces."""

    def __init__(self) -> None:
        self._reader = Reader(notEnoughData=_INCOMPLETE)

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Every reply that is complete now. Raises ValueError for what is not RESP."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                yield reply
        except ProtocolError as error:
            raise ValueError(f"not a reply of Redis: {error}") from None
