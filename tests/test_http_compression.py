"""gzip for large answers, whoever stands before the server."""

import pytest

from tests.harness.client import Api

LARGE = "{ __schema { types { name description } } }"


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5", "*"])
async def test_large_answers_are_compressed(api: Api, accepted: str) -> None:
    answer = await api.run(LARGE, headers={"accept-encoding": accepted})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.data["__schema"]["types"]) > 10
    plain = await api.run(LARGE, headers={"accept-encoding": "identity"})
    assert plain.data == answer.data
    assert int(answer.headers["content-length"]) < int(plain.headers["content-length"]) / 2


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "gzip; q=0.000", "gzipped"])
async def test_only_for_those_who_take_it(api: Api, accepted: str) -> None:
    answer = await api.run(LARGE, headers={"accept-encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.data
    assert "accept-encoding" in answer.headers["vary"]


async def test_small_answers_are_not(api: Api) -> None:
    answer = await api.run("{ __typename }", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_events_are_not_held_back_to_be_compressed(api: Api) -> None:
    headers = {"accept": "text/event-stream", "accept-encoding": "gzip"}
    response = await api.http.post("/graphql", json={"query": LARGE}, headers=headers)
    assert "content-encoding" not in response.headers
    assert response.text.endswith("event: complete\ndata: \n\n")
