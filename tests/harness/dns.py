"""A name server that knows one name (RFC 1035), as Docker's does for the replicas of a service."""

import socket
import struct
import threading
from contextlib import suppress

_HEADER = struct.Struct("!6H")
_ANSWER, _NAME_ERROR = 0x8180, 0x8183  # a response, recursion desired and available; RCODE 3
_A_RECORD = struct.Struct("!HHHIH4s")  # a pointer to the question's name, TYPE, CLASS, TTL, RDLENGTH, RDATA
_POINTER, _TYPE_A, _CLASS_IN = 0xC00C, 1, 1
# As long as Docker's: nginx must not go by it.
_TTL = 600


class NameServer:
    """Answers every question with `addresses`, which may change at any time; "no such name" when empty."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                question, client = self._socket.recvfrom(512)
                self._socket.sendto(_answer(question, list(self.addresses)), client)


def _answer(message: bytes, addresses: list[str]) -> bytes:
    identity, *_ = _HEADER.unpack_from(message)
    end = message.index(0, _HEADER.size) + 5  # after the name: a zero octet, QTYPE, QCLASS
    question = message[_HEADER.size : end]
    flags = _ANSWER if addresses else _NAME_ERROR
    records = b"".join(
        _A_RECORD.pack(_POINTER, _TYPE_A, _CLASS_IN, _TTL, 4, bytes(map(int, address.split("."))))
        for address in addresses
    )
    return _HEADER.pack(identity, flags, 1, len(addresses), 0, 0) + question + records
