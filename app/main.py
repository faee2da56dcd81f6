"""The application: settings → lifespan → routes → middleware."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route, WebSocketRoute

from app.config import Settings, load_settings
from app.domain.log_readers import LogReaders
from app.domain.passwords import Passwords
from app.domain.tokens import AccessTokens
from app.domain.trials import Trials
from app.domain.viewer_cache import ViewerCache
from app.graphql.context import Services
from app.graphql.schema import build_schema
from app.infra.db import Database, DatabaseUnavailable
from app.infra.logging import configure_logging
from app.infra.redis import Redis
from app.infra.wakeups import Wakeups
from app.jobs.purge import purge_for_ever
from app.web.graphiql import STATIC_PATH, GraphiQLFiles
from app.web.graphql_http import GraphQLEndpoint
from app.web.graphql_ws import GraphQLSockets
from app.web.health import live, ready
from app.web.http_errors import http_error
from app.web.metrics import metrics
from app.web.middleware import RequestMiddleware
from app.web.operations import Operations
from app.web.state import Resources

_FIRST_CONNECTION = 2.0
"""Seconds that a starting process waits for the database before it serves without."""
_EXPOSED = ["X-Request-Id", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]


def create_app(settings: Settings | None = None) -> Starlette:
    """Raises ConfigurationError when no settings are given and the environment's are wrong."""
    settings = settings or load_settings()
    configure_logging(settings.log_level, json=settings.is_production)
    schema = build_schema()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Resources]:
        async with _open_services(settings) as services:
            yield {"services": services, "operations": Operations(schema, services)}

    return Starlette(
        routes=[
            Route("/graphql", GraphQLEndpoint(), methods=["GET", "POST"]),
            WebSocketRoute("/graphql", GraphQLSockets(schema, allowed_origins=settings.cors_origins)),
            Mount(STATIC_PATH, GraphiQLFiles()),
            Route("/health", live),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
        ],
        middleware=[
            Middleware(RequestMiddleware),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
                expose_headers=_EXPOSED,
            ),
        ],
        exception_handlers={HTTPException: http_error},
        lifespan=lifespan,
    )


@asynccontextmanager
async def _open_services(settings: Settings) -> AsyncIterator[Services]:
    """Opens nothing that may fail: what is away at the start is waited for while serving."""
    database, redis, wakeups = Database(settings), Redis(settings.redis_url), Wakeups(settings.redis_url)
    services = Services(
        settings=settings,
        database=database,
        redis=redis,
        wakeups=wakeups,
        log_readers=LogReaders(database.fetch, wakeups),
        passwords=Passwords(),
        access_tokens=AccessTokens(settings.jwt_secret.get_secret_value(), settings.jwt_expiry),
        viewers=ViewerCache(redis),
        trials=Trials.beside_writes(database.write_connections),
    )
    async with AsyncExitStack() as stack:
        stack.callback(services.passwords.close)
        stack.push_async_callback(redis.stop)
        await database.start()
        stack.push_async_callback(database.stop)
        with suppress(DatabaseUnavailable):  # a worker that replaces another must not answer 503 at first
            await database.wait_ready(_FIRST_CONNECTION)
        await wakeups.start()
        stack.push_async_callback(wakeups.stop)
        stack.push_async_callback(services.log_readers.stop)
        purging = asyncio.create_task(purge_for_ever(database), name="purge")
        stack.push_async_callback(asyncio.wait, [purging])
        stack.callback(purging.cancel)
        yield services
