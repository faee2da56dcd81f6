"""The `taskflow` command."""

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence

from app.commands.failure import CommandFailed
from app.config import ConfigurationError
from app.infra.embedded import EmbeddedError

# Each is a module of app.commands, loaded when it is asked for: `add_arguments` declares what it takes, `run`
# does it and returns the exit code.
_COMMANDS = {
    "serve": "answer requests until a signal ends it",
    "migrate": "change the database's schema, or show where it stands",
    "schema": "print, write or check the GraphQL schema",
    "seed": "fill an empty database with demo data",
    "restore-finish": "after restoring a backup: check the log and let clients read anew",
    "fresh": "delete the data of the embedded servers",
    "health": "ask the server on this machine whether it lives or, by --ready, is ready",
    "user": "list users, or show, disable, enable or reset one",
    "doctor": "print the configuration in effect and try what it names",
}
_CONFIGURATION_EXIT_CODE = 2
_INTERRUPTED_EXIT_CODE = 130
_TERMINATED_EXIT_CODE = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 for a failure, 2 for a wrong configuration or usage."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(given).parse_args(given)
    # As an exception, so that embedded servers are stopped in order.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(_TERMINATED_EXIT_CODE))
    try:
        code: int = parsed.run(parsed)
    except ConfigurationError as error:
        print(_configuration_report(error), file=sys.stderr)
        return _CONFIGURATION_EXIT_CODE
    except (CommandFailed, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED_EXIT_CODE
    return code


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="taskflow", description="TaskFlow, a task-management backend.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if given and given[0] == name:
            module = importlib.import_module(f"app.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def _configuration_report(error: ConfigurationError) -> str:
    count = len(error.problems)
    problems = "a problem" if count == 1 else f"{count} problems"
    return "\n".join([f"The configuration has {problems}.", *(f"  - {text}" for text in error.problems)])


if __name__ == "__main__":
    sys.exit(main())
