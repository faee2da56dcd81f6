"""Mercurius on Fastify, with graphql-jit and batched loaders over pg."""

from __future__ import annotations

import os

from bench.contender import CONTENDERS, missing_packages, node_program
from bench.graphql_contender import GraphQLContender


class Mercurius(GraphQLContender):
    name = "mercurius"
    title = "Mercurius + graphql-jit"

    def command(self) -> list[str]:
        return [os.fspath(node_program()), os.fspath(CONTENDERS / self.name / "server.js")]

    def missing(self) -> str | None:
        return missing_packages(self.name)
