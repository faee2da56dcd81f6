"""What a service has that is written by hand for these operations: the limit's SQL behind Starlette's
requests and responses and asyncpg's pool."""

from __future__ import annotations

import sys

from bench.contenders.limit import Limit


class StarletteEndpoint(Limit):
    """Asked as the limit is."""

    name = "starlette"
    title = "Starlette endpoint"
    note = (
        "the same SQL behind Starlette's Request and Response and asyncpg's pool; "
        "no GraphQL, no authentication, no rate limit, no metrics"
    )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bench.contenders.starlette.server"]
