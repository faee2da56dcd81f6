"""The application: settings → lifespan → routes → middleware."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute

from app.config import Settings, load_settings
from app.domain.attempts import Attempts
from app.domain.log_readers import LogReaders
from app.domain.passwords import Passwords
from app.domain.tokens import AccessTokens
from app.domain.trials import Trials
from app.domain.viewer_cache import ViewerCache
from app.graphql.context import Services
from app.graphql.schema import build_schema
from app.infra.db import Database, DatabaseUnavailable
from app.infra.logging import configure_logging
from app.infra.mail import mailer_for
from app.infra.redis import Redis
from app.infra.sampling import sample_for_ever
from app.infra.tallies import write_tallies
from app.infra.tracing import start_tracing, stop_tracing
from app.infra.wakeups import Wakeups
from app.jobs.outbox import Sender
from app.jobs.purge import purge_for_ever
from app.web import account_export
from app.web.account_export import AccountExport
from app.web.application import Application
from app.web.connection_cap import ConnectionCap
from app.web.cors import Cors
from app.web.csrf import PREFLIGHT_HEADERS
from app.web.direct_route import DirectRoute
from app.web.errors import tell
from app.web.graphiql import STATIC_PATH, GraphiQLFiles
from app.web.graphql_http import GraphQLEndpoint
from app.web.graphql_ws import GraphQLSockets
from app.web.health import live, ready
from app.web.http_errors import http_error, not_found
from app.web.metrics import metrics
from app.web.middleware import RequestMiddleware
from app.web.operations import Operations
from app.web.state import Resources

_FIRST_CONNECTION = 2.0
"""Seconds that a starting process waits for the database before it serves without."""
_YOUNG_OBJECTS = 20_000
"""How many objects come to be before the young ones are looked through. Python's 700 are fewer than one page
of tasks makes, none of which is garbage yet."""
_EXPOSED = [
    "X-Request-Id",
    "Retry-After",
    "RateLimit-Policy",
    "RateLimit",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
]


def create_app(settings: Settings | None = None) -> Starlette:
    """Raises ConfigurationError when no settings are given and the environment's are wrong."""
    settings = settings or load_settings()
    configure_logging(settings.log_level, json=settings.is_production)
    tell(suggestions=settings.suggestions, detail=settings.error_detail)
    schema = build_schema()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Resources]:
        async with _open_services(settings) as services:
            yield {"services": services, "operations": Operations(schema, services)}

    graphiql = settings.graphiql and settings.trusted_documents is None
    graphql = Route("/graphql", GraphQLEndpoint(graphiql=graphiql, batch_max=settings.batch_max))
    application = Application(
        routes=[
            graphql,
            WebSocketRoute("/graphql", GraphQLSockets(schema, allowed_origins=settings.cors_origins)),
            *([Mount(STATIC_PATH, GraphiQLFiles())] if graphiql else []),
            Route(account_export.PATH, AccountExport(), methods=["GET"]),
            Route("/health", live),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
        ],
        middleware=[
            Middleware(RequestMiddleware),
            Middleware(
                ConnectionCap,
                maximum=settings.max_connections,
                per_address=settings.max_connections_per_address,
            ),
            Middleware(
                Cors,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "X-Request-Id", *PREFLIGHT_HEADERS],
                expose_headers=_EXPOSED,
            ),
            Middleware(DirectRoute, graphql),
        ],
        exception_handlers={HTTPException: http_error},
        lifespan=lifespan,
    )
    # Their Location would take the host that the client names.
    application.router.redirect_slashes = False
    application.router.default = not_found
    return application


@asynccontextmanager
async def _open_services(settings: Settings) -> AsyncIterator[Services]:
    """Opens nothing that may fail: what is away at the start is waited for while serving."""
    database, redis = Database(settings), Redis(settings.redis_url)
    wakeups = Wakeups(settings.redis_url, publisher=redis)
    services = Services(
        settings=settings,
        database=database,
        redis=redis,
        wakeups=wakeups,
        log_readers=LogReaders(database.fetch, wakeups),
        passwords=Passwords(),
        access_tokens=_access_tokens(settings),
        viewers=ViewerCache(redis),
        attempts=Attempts(redis, settings),
        trials=Trials.beside_writes(database.write_connections),
    )
    async with AsyncExitStack() as stack:
        stack.callback(write_tallies)
        start_tracing(settings)
        stack.push_async_callback(stop_tracing)
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
        sampling = asyncio.create_task(sample_for_ever(database, redis, wakeups), name="sampling")
        stack.push_async_callback(asyncio.wait, [sampling])
        stack.callback(sampling.cancel)
        if (mailer := mailer_for(settings)) is not None:
            sender = Sender(database, mailer, settings)
            sender.start()
            stack.push_async_callback(sender.stop)
        # What is alive now lives on. To look at all of it again would stop every request for 0.3 s.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS)
        yield services


def _access_tokens(settings: Settings) -> AccessTokens:
    previous = settings.jwt_secret_previous
    return AccessTokens(
        settings.jwt_secret.get_secret_value(),
        settings.jwt_expiry,
        previous=previous.get_secret_value() if previous else None,
    )
