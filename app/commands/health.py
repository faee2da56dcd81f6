import argparse
from http.client import HTTPConnection, HTTPException

from app.commands.address import own_address
from app.commands.failure import CommandFailed
from app.config import load_settings

_SECONDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ready", action="store_true", help="ask for readiness, dependencies included")


def run(arguments: argparse.Namespace) -> int:
    """Prints the answer of this machine's server. Raises CommandFailed with it when that is not 200."""
    host, port = own_address(load_settings())
    path = "/health/ready" if arguments.ready else "/health"
    connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
    except (OSError, HTTPException) as error:
        raise CommandFailed(f"No answer from {host} port {port}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise CommandFailed(body)
    print(body)
    return 0
