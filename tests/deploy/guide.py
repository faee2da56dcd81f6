"""What the tests of the deployment guide share: docs/deployment.md and its table of departures."""

import re

from tests.harness.stores import REPOSITORY

DEPLOYMENT = (REPOSITORY / "docs/deployment.md").read_text()

_table = DEPLOYMENT.partition("## Departures from the deployment guide")[2]
DEPARTURES = dict(re.findall(r"^\| (.+?) \| .+? \| (.+?) \|$", _table, re.MULTILINE)[1:])


def departs(fact: str) -> None:
    """The table has a row for this fact, and its reason. The assertion beside it is what is true instead."""
    assert DEPARTURES[fact], fact
