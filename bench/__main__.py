"""How fast TaskFlow answers beside others on the same rows: `make bench`, or `python -m bench`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import agreement, dataset, report, turns
from bench.contender import Contender
from bench.cores import Cores, started_on
from bench.operations import OPERATIONS
from bench.servers import CONTENDERS, running
from bench.stores import Stores
from tests.harness.stores import migrate


def main() -> None:
    options = _options()
    contenders = _present(CONTENDERS[name]() for name in options.contenders)
    cores = Cores.split(options.pin)
    with started_on(cores.others), Stores(options.folder) as stores:
        _tell(f"building {options.tasks:,} tasks")
        migrate(stores.database_url)
        asyncio.run(dataset.fill(stores.database_url, options.tasks))
        data = asyncio.run(dataset.describe(stores.database_url))
        with running(contenders, stores, data, cores.contenders) as servers:
            agreed = asyncio.run(agreement.check(servers, data))
            _tell(f"all agree: {agreed}")
            played = turns.play(servers, data, options.operations, options.rounds, options.seconds, _tell)
        setting = report.Setting(stores.describe(), cores.describe(), options.rounds, options.seconds)
        sys.stdout.write(report.markdown(setting, data, agreed, played, contenders))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--tasks", type=int, default=50_000, help="up to 1,000,000 (default 50,000)")
    parser.add_argument("--rounds", type=int, default=5, help="0 only checks that the answers agree")
    parser.add_argument("--seconds", type=float, default=5, help="how long a contender is loaded at a time")
    parser.add_argument("--contenders", type=_some_of(CONTENDERS), default=list(CONTENDERS), help="a,b,…")
    parser.add_argument("--operations", type=_some_of(OPERATIONS), default=list(OPERATIONS), help="a,b,…")
    parser.add_argument(
        "--pin", action=argparse.BooleanOptionalAction, default=True, help="give the contenders a core"
    )
    parser.add_argument("--folder", type=Path, help="where to make the throwaway folder of the database")
    return parser.parse_args()


def _some_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names).difference(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return parse


def _present(contenders: Iterable[Contender]) -> list[Contender]:
    present = []
    for contender in contenders:
        if missing := contender.missing():
            _tell(f"{contender.name} is left out; it needs: {missing}")
        else:
            present.append(contender)
    return present


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
