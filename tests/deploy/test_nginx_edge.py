"""nginx/nginx.conf in front of three TaskFlow processes: what goes through, how, and what does not."""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartServer
from tests.deploy.conftest import REPLICA_ADDRESSES, Edge, StartNginx
from tests.harness.client import Api
from tests.harness.nginx import FOLDER
from tests.harness.server import free_port
from tests.harness.upstream import respond, upstream

pytestmark = pytest.mark.nginx

SECURITY_HEADERS = {
    "strict-transport-security": "max-age=63072000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
MEBIBYTE = 1024 * 1024
SPOOFED = {
    "x-request-id": "chosen-by-the-client",
    "x-real-ip": "203.0.113.9",
    "x-forwarded-for": "203.0.113.9, 198.51.100.7",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "evil.example",
    "forwarded": "for=203.0.113.9",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "theirs=1",
}


async def raw(port: int, target: str, *, method: str = "GET", host: str = "localhost") -> tuple[int, str]:
    """Sends a request line that no client library rewrites; returns the status and all that came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode("latin-1")
    writer.close()
    return int(answer.split(" ", 2)[1]), answer


def test_the_production_files_as_they_are(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    make = subprocess.run([FOLDER / "self-signed.sh", tmp_path / "certs"], capture_output=True, check=False)
    assert make.returncode == 0
    command = [
        "nginx",
        "-t",
        "-p",
        f"{tmp_path}/",
        "-c",
        f"{tmp_path}/nginx.conf",
        "-g",
        f"pid {tmp_path}/pid;",
    ]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


async def test_http_leads_to_https(edge: Edge) -> None:
    async with httpx.AsyncClient() as client:
        url = f"{edge.nginx.http_url}/graphql?query=%7B__typename%7D"
        response = await client.get(url, headers={"host": "taskflow.example.com"})
    assert response.status_code == 301
    assert response.headers["location"] == "https://taskflow.example.com/graphql?query=%7B__typename%7D"


async def test_certbots_challenge_is_let_through(edge: Edge) -> None:
    folder = edge.nginx.folder / "certbot" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("token.thumbprint")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{edge.nginx.http_url}/.well-known/acme-challenge/token")
        missing = await client.get(f"{edge.nginx.http_url}/.well-known/acme-challenge/other")
        outside = await raw(
            edge.nginx.http_port, "/.well-known/acme-challenge/%2e%2e/%2e%2e/%2e%2e/certs/privkey.pem"
        )
    assert (answer.status_code, answer.text) == (200, "token.thumbprint")
    assert missing.status_code == 404
    assert outside[0] in (301, 400, 404)
    assert "PRIVATE" not in outside[1]


async def test_the_api_over_https_and_over_http_2(edge: Edge, edge_api: Api) -> None:
    answer = await edge_api.run("{ __typename }")
    assert (answer.status, answer.data) == (200, {"__typename": "Query"})
    agreed = edge.nginx.tls()
    agreed.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection("localhost", edge.nginx.https_port, ssl=agreed)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    writer.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_versions(edge: Edge, version: ssl.TLSVersion) -> None:
    context = edge.nginx.tls()
    context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("localhost", edge.nginx.https_port, ssl=context)
    writer.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_older_tls_is_refused(edge: Edge) -> None:
    context = edge.nginx.tls()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")  # or this side would refuse first
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        await asyncio.open_connection("localhost", edge.nginx.https_port, ssl=context)


@pytest.mark.parametrize("path", ["/graphql?query=%7B__typename%7D", "/metrics", "/nowhere", "/health/ready"])
async def test_security_headers(edge_api: Api, path: str) -> None:
    response = await edge_api.http.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.get_list(name) == [value], name
    assert response.headers["server"] == "nginx"


async def test_graphiql_keeps_its_policy(edge_api: Api) -> None:
    response = await edge_api.http.get("/graphql", headers={"accept": "text/html"})
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    for name, value in SECURITY_HEADERS.items():
        assert response.headers.get_list(name) == [value], name


async def test_plain_http_on_the_machines_own_port(edge: Edge) -> None:
    async with httpx.AsyncClient(base_url=edge.nginx.local_url) as client:
        response = await client.post("/graphql", json={"query": "{ __typename }"})
        assert response.json()["data"] == {"__typename": "Query"}
        assert "strict-transport-security" not in response.headers
        assert (await client.get("/metrics")).status_code == 404


@pytest.mark.parametrize(
    "target",
    [
        "/metrics",
        "/metrics/",
        "/metrics?name[]=x",
        "/metrics#x",
        "/metrics;x=1",
        "/metrics/x",
        "/metrics%2f",
        "/metrics%20",
        "/metrics%00",
        "/METRICS",
        "/Metrics/",
        "//metrics",
        "///metrics//",
        "/./metrics",
        "/%2e/metrics",
        "/x/../metrics",
        "/x/%2e%2e/metrics",
        "/graphql/../metrics",
        "/graphql%2f..%2fmetrics",
        "/graphql%2f%2e%2e%2fmetrics",
        "/health/..//metrics",
        "/%2fmetrics",
        "/%6detrics",
        "/%6D%65%74%72%69%63%73",
        "/%4detrics",
        "http://localhost/metrics",
        "http://app:3000/metrics",
    ],
)
async def test_metrics_are_refused_in_every_spelling(edge: Edge, target: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        status, answer = await raw(edge.nginx.local_port, target, method=method)
        assert "# TYPE" not in answer
        if status == 400:  # what nginx does not take for a request at all
            continue
        assert status == 404
        request_id = re.search(r"^x-request-id: (\w+)", answer, re.IGNORECASE | re.MULTILINE)
        assert request_id is not None
        assert edge.nginx.entry(request_id[1])["upstream"] == "", "a replica was asked"


@pytest.mark.parametrize("target", ["/%256detrics", "/\\metrics", "/health/metrics"])
async def test_other_paths_lead_to_no_metrics(edge: Edge, target: str) -> None:
    status, answer = await raw(edge.nginx.local_port, target)
    assert (status, "# TYPE" in answer) == (404, False)


@pytest.mark.parametrize(
    ("port", "request_head"),
    [
        ("local_port", b"GET /%zz HTTP/1.1\r\nhost: localhost"),
        ("local_port", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: localhost"),
        ("local_port", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 20_000),
        ("local_port", b"GET / HTTP/1.1"),
        ("local_port", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked"),
        ("local_port", b"\x16\x03\x01"),
        ("https_port", b"GET / HTTP/1.1\r\nhost: localhost"),
    ],
    ids=["path", "long line", "long header", "no host", "two lengths", "TLS", "no TLS"],
)
async def test_what_is_no_request_is_refused_without_a_warning(
    edge: Edge, port: str, request_head: bytes
) -> None:
    """nginx answers before it has chosen a location: what one sets must have a value until then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", getattr(edge.nginx, port))
    writer.write(request_head + b"\r\n\r\n")
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 414 "))
    assert not re.search(r"^(x-request-id|retry-after):", answer, re.IGNORECASE | re.MULTILINE)
    assert "uninitialized" not in edge.nginx.log


async def test_a_refusal_looks_like_every_other(edge: Edge, edge_api: Api) -> None:
    refused, unknown = await edge_api.http.get("/metrics"), await edge_api.http.get("/nowhere")
    for response in (refused, unknown):
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        extensions = response.json()["errors"][0]["extensions"]
        assert extensions == {"code": "NOT_FOUND", "requestId": response.headers["x-request-id"]}
    assert refused.json()["errors"][0]["message"] == unknown.json()["errors"][0]["message"]
    async with httpx.AsyncClient() as client:
        assert "# TYPE" in (await client.get(f"{edge.replicas[0].url}/metrics")).text


async def test_what_clients_say_of_themselves_is_overwritten(start_nginx: StartNginx) -> None:
    port = free_port()
    nginx = start_nginx("127.0.0.31", port=port)
    async with upstream("127.0.0.31", port, respond("200 OK", "{}")) as seen, nginx.client() as client:
        await client.get("/", headers=SPOOFED | {"connection": "upgrade", "upgrade": "h2c"})
    assert "evil" not in seen.requests[0]
    assert "203.0.113.9" not in seen.requests[0]
    assert seen.header("x-forwarded-for") == seen.header("x-real-ip") == "127.0.0.1"
    assert seen.header("x-forwarded-proto") == "https"
    assert seen.header("host") == "localhost"
    assert seen.header("upgrade") is None
    assert seen.header("traceparent") is seen.header("tracestate") is None
    assert nginx.entry(seen.header("x-request-id"))["status"] == 200


async def test_the_request_id_is_nginxs(edge: Edge, edge_api: Api) -> None:
    answer = await edge_api.run("{ nowhere }", headers=SPOOFED)
    request_id = answer.headers["x-request-id"]
    assert answer.error["extensions"]["requestId"] == request_id != SPOOFED["x-request-id"]
    assert edge.nginx.entry(request_id)["status"] == answer.status


async def test_the_rate_limit_counts_the_true_address(
    start_server: StartServer, start_nginx: StartNginx, redis_url: str
) -> None:
    port = free_port()
    limits = {"RATE_LIMIT_MAX": "3", "RATE_LIMIT_WINDOW": "60000", "REDIS_URL": redis_url}
    for address in REPLICA_ADDRESSES[:2]:
        await start_server(port=port, APP_HOST=address, **limits)
    nginx = start_nginx(*REPLICA_ADDRESSES[:2], port=port)
    body = {"query": "{ __typename }"}
    async with nginx.client(source="127.0.0.41") as client, nginx.client(source="127.0.0.42") as other:
        for number in range(3):
            spoofed = {"x-forwarded-for": f"192.0.2.{number}", "x-real-ip": f"192.0.2.{number}"}
            assert (await client.post("/graphql", json=body, headers=spoofed)).status_code == 200
        refused = await client.post("/graphql", json=body, headers={"x-forwarded-for": "192.0.2.77"})
        assert (refused.status_code, refused.headers["ratelimit-remaining"]) == (429, "0")
        assert (await other.post("/graphql", json=body)).headers["ratelimit-remaining"] == "2"


async def test_a_body_of_one_mebibyte_and_no_more(edge_api: Api) -> None:
    document = json.dumps({"query": "{ __typename }"})
    headers = {"content-type": "application/json"}
    largest = await edge_api.http.post("/graphql", content=document.ljust(MEBIBYTE), headers=headers)
    assert (largest.status_code, largest.json()["data"]) == (200, {"__typename": "Query"})
    refused = await edge_api.http.post("/graphql", content=document.ljust(MEBIBYTE + 1), headers=headers)
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/json; charset=utf-8"
    extensions = refused.json()["errors"][0]["extensions"]
    assert extensions == {"code": "PAYLOAD_TOO_LARGE", "requestId": refused.headers["x-request-id"]}
    assert refused.headers["strict-transport-security"] == SECURITY_HEADERS["strict-transport-security"]


async def test_large_answers_are_compressed(edge_api: Api) -> None:
    large = await edge_api.run("{ __schema { types { name description } } }")
    assert large.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in large.headers.get_list("vary", split_commas=True)
    assert len(large.data["__schema"]["types"]) > 10
    small = await edge_api.run("{ __typename }")
    assert "content-encoding" not in small.headers


async def test_the_access_log_holds_no_queries(edge: Edge, edge_api: Api) -> None:
    response = await edge_api.http.get("/graphql", params={"query": '{ node(id: "a-secret") { id } }'})
    entry = edge.nginx.entry(response.headers["x-request-id"])
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/graphql", 200)
    assert "a-secret" not in edge.nginx.log
