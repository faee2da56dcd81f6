"""Strawberry with Tortoise and DataLoaders, as their documentation shows it."""

from __future__ import annotations

import sys

from bench.graphql_contender import GraphQLContender


class StrawberryPlain(GraphQLContender):
    name = "strawberry_plain"
    title = "plain Strawberry"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "bench.contenders.strawberry_plain.server"]
