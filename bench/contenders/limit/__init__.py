"""What Python can do at most: hand-written statements and routes, without GraphQL. Frozen."""

from __future__ import annotations

import sys

from bench.contender import Call, Contender, Json
from bench.dataset import Place


class Limit(Contender):
    name = "limit"
    title = "hand-written limit"
    note = (
        "the floor: hand-written SQL, bare ASGI applications, connections without a pool's reset; "
        "no GraphQL, no authentication, no rate limit, no metrics"
    )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bench.contenders.limit.server"]

    def request(self, call: Call) -> tuple[str, Json]:
        variables = dict(call.variables)
        after = variables.pop("after", None)
        if isinstance(after, Place):
            variables |= {"createdAt": after.created_at.isoformat(), "id": after.id}
        if call.operation == "taskCreate":
            variables |= {"priority": "HIGH", "dueDate": "2026-03-01"}
        return {"deep": "/page"}.get(call.operation, f"/{call.operation}"), variables
