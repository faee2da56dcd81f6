"""Frames of all kinds, in any order, on a WebSocket."""

import json
import struct
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from tests.conftest import StartServer
from tests.fuzz.strategies import SEED, any_of, json_values, many, payloads
from tests.fuzz.wire import Wire, fragments, frame, message
from tests.harness.client import Api
from tests.harness.leaks import leaks
from tests.harness.people import Person
from tests.harness.server import Server

OF_RFC_6455 = {1000, 1001, 1002, 1003, 1005, 1007, 1009}
OF_THE_PROTOCOL = {4400, 4401, 4403, 4409, 4429}
"""https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md"""
# A close frame may also carry any code that clients may send: the server repeats it.
OF_CLIENTS = set(range(3000, 5000))
FAULTS = ("Traceback", "Exception in ASGI", "A socket failed", "Internal error", "never retrieved")

ids = st.sampled_from(("1", "2", "")) | json_values
messages = st.one_of(
    st.just({"type": "connection_init"}),
    st.fixed_dictionaries({"type": st.just("connection_init"), "payload": json_values}),
    st.fixed_dictionaries({"type": st.just("subscribe"), "id": ids, "payload": payloads}),
    st.fixed_dictionaries(
        {
            "type": st.just("subscribe"),
            "id": st.sampled_from(("1", "2", "3")),
            "payload": st.fixed_dictionaries(
                {
                    "query": st.sampled_from(
                        ("{ __typename }", "subscription { taskCreated { id } }", "{", "{ x }")
                    )
                }
            ),
        }
    ),
    st.fixed_dictionaries({"type": st.just("complete"), "id": ids}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(("ping", "pong", "next", "error", "start", "connection_ack"))}
    ),
    st.fixed_dictionaries({}, optional={"type": json_values, "id": json_values, "payload": json_values}),
    json_values,
)
texts = st.one_of(
    messages.map(lambda content: json.dumps(content).encode()),
    st.text(max_size=30).map(str.encode),
    any_of((b"\xff\xfe\xfa", b'{"type": "ping\xc3\x28"}', b"[" * 5_000, b'{"type":' * 500, b"")),
)
frames = st.one_of(
    messages.map(message),
    texts.map(frame),
    texts.map(lambda data: frame(data, Opcode.BINARY)),
    texts.map(lambda data: frame(data, Opcode.CONT)),
    texts.map(lambda data: frame(data, fin=False)),
    texts.map(lambda data: fragments([data[:3], b"", data[3:]])),
    texts.map(lambda data: fragments([data[:3], data[3:]]) + frame(b"", Opcode.PING)),
    texts.map(lambda data: b"\xc1" + frame(data)[1:]),  # a reserved bit is set
    texts.map(lambda data: frame(data, mask=False)),
    st.binary(max_size=125).map(lambda data: frame(data, Opcode.PING)),
    st.binary(max_size=125).map(lambda data: frame(data, Opcode.PONG)),
    st.integers(0, 65_535).map(lambda code: frame(struct.pack("!H", code), Opcode.CLOSE)),
    st.binary(max_size=60),
    any_of(
        (
            frame(b"", Opcode.PING) * 300,
            message({"type": "ping"}) * 300,
            frame(b"x", Opcode.CLOSE),
            b"\x89\xfe\x00\x7e" + b"x" * 130,  # a ping of more than 125 bytes
            b"\x83\x80abcd",  # an opcode that is not defined
            b"\x81\xff" + b"\xff" * 8,  # 2^64 bytes are to follow
            b"\x81\xff" + struct.pack("!Q", 2**40),
            message("x" * (2**20 + 1)),
        )
    ),
)
GOODBYE = frame(struct.pack("!H", 1000), Opcode.CLOSE)


@pytest.mark.parametrize("count", [150, pytest.param(3_000, marks=pytest.mark.soak)])
async def test_frames_in_any_order(
    start_server: StartServer, person: Person, count: int, record_property: Callable[[str, object], None]
) -> None:
    server = await start_server(LOG_LEVEL="error")
    codes: Counter[int | None] = Counter()

    @many(count)
    @given(st.booleans(), st.booleans(), st.lists(frames, min_size=1, max_size=6))
    def talk(begins: bool, signs_in: bool, sent: list[bytes]) -> None:
        codes[_talk(server, person, begins=begins, signs_in=signs_in, sent=sent)] += 1

    talk()
    record_property("figures", f"seed {SEED}, {sum(codes.values())} sockets by close code: {dict(codes)}")
    assert {1000, 1002, 4400} <= codes.keys()
    assert _talk(server, person, begins=True, signs_in=True, sent=[frame(b"\xff")]) == 1007
    api = Api(server.url)
    try:
        assert (await person.run("{ viewer { id } }", api=api)).data == {"viewer": {"id": person.id}}
    finally:
        await api.close()
    assert not [word for word in FAULTS if word in server.output()]


def _talk(server: Server, person: Person, *, begins: bool, signs_in: bool, sent: list[bytes]) -> int | None:
    wire = Wire(server)
    if begins:
        payload = {"authorization": f"Bearer {person.token}"} if signs_in else {}
        wire.send(message({"type": "connection_init", "payload": payload}))
    if all(wire.send(data) for data in sent):
        wire.settle(0.03)  # a close frame that arrives with the others would be answered before them
        wire.send(GOODBYE)
    wire.finish()
    code = wire.close_code()
    assert code in OF_RFC_6455 | OF_THE_PROTOCOL | OF_CLIENTS, (code, sent)
    told = json.dumps(wire.received)
    assert not leaks(told, sent=repr(sent)), (told, sent)
    assert "INTERNAL_SERVER_ERROR" not in told, (told, sent)
    return code
