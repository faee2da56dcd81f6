"""Redis' wire format (RESP 2): commands to bytes, and bytes to replies as they arrive."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

Reply: TypeAlias = Any
"""An int, bytes, None, a list of those, or a ReplyError."""


class ReplyError(Exception):
    """The server refuses a command. A value, not raised: others in the same piece are fine."""


class _Incomplete(Exception):
    pass


def encode(parts: Sequence[bytes]) -> bytes:
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


class Replies:
    """Fed with what the socket delivers, in whatever pieces."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Every reply that is complete now. Raises ValueError for what is not RESP 2."""
        buffer, position = self._buffer + data, 0
        try:
            while position < len(buffer):
                reply, position = _read(buffer, position)
                yield reply
        except _Incomplete:
            pass
        finally:
            self._buffer = buffer[position:]


def _read(buffer: bytes, position: int) -> tuple[Reply, int]:
    end = buffer.find(b"\r\n", position)
    if end < 0:
        raise _Incomplete
    kind, line, after = buffer[position], buffer[position + 1 : end], end + 2
    if kind == 0x3A:  # :
        return int(line), after
    if kind == 0x24:  # $
        return _read_bytes(buffer, after, int(line))
    if kind == 0x2A:  # *
        return _read_list(buffer, after, int(line))
    if kind == 0x2B:  # +
        return line, after
    if kind == 0x2D:  # -
        return ReplyError(line.decode(errors="replace")), after
    raise ValueError(f"not a reply of Redis: {buffer[position : position + 20]!r}")


def _read_bytes(buffer: bytes, position: int, length: int) -> tuple[Reply, int]:
    if length < 0:
        return None, position
    end = position + length
    if len(buffer) < end + 2:
        raise _Incomplete
    return buffer[position:end], end + 2


def _read_list(buffer: bytes, position: int, length: int) -> tuple[Reply, int]:
    if length < 0:
        return None, position
    replies = []
    for _ in range(length):
        reply, position = _read(buffer, position)
        replies.append(reply)
    return replies, position
