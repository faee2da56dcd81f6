"""gzip, for clients that reach the server without a proxy that compresses."""

import asyncio
import zlib
from functools import lru_cache
from typing import Final

COMPRESSED_FROM: Final = 2_048
"""Bytes of a body. Smaller ones fit in a packet or two anyway."""

_LEVEL: Final = 1  # the higher ones take several times as long for a tenth less
_IN_THREAD_FROM: Final = 64 * 1024


async def compress(body: bytes) -> bytes:
    return await asyncio.to_thread(_compress, body) if len(body) >= _IN_THREAD_FROM else _compress(body)


@lru_cache(maxsize=100)  # clients send one of few
def takes_gzip(accept_encoding: bytes) -> bool:
    for entry in accept_encoding.decode("latin-1").lower().split(","):
        name, _, parameter = (part.strip() for part in entry.partition(";"))
        if name in ("gzip", "*"):
            return parameter.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False


def _compress(body: bytes) -> bytes:
    return zlib.compress(body, _LEVEL, wbits=31)
