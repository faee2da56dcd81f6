"""Tortoise's registry of models, for a process whose connections are Database's own.

Tortoise takes a model's dialect from a connection that belongs to a context. Contexts live in a contextvar,
which requests do not inherit from the lifespan, so the registry is global. The connection in it is never
opened: models read and write by `using_db=transaction.client`, and without it they say so.
"""

from contextlib import suppress

from tortoise import Tortoise
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.context import get_current_context, set_global_context
from tortoise.exceptions import ConfigurationError

CONNECTION_NAME = "default"
MODELS = {"models": {"models": ["app.models"], "default_connection": CONNECTION_NAME}}


class UnopenedClient(AsyncpgDBClient):
    async def create_connection(self, with_db: bool) -> None:
        raise RuntimeError("a model was used without using_db=transaction.client")


client_class = UnopenedClient  # Tortoise reads this name from the module that is given as engine

CONFIG = {
    "connections": {CONNECTION_NAME: {"engine": __name__, "credentials": {}}},
    "apps": MODELS,
    "use_tz": True,
    "timezone": "UTC",
}


async def ensure_models() -> None:
    """Makes the models usable in every task of this process; opens no connection."""
    context = get_current_context()
    if context is None:
        await Tortoise.init(config=CONFIG, _enable_global_fallback=True)
    elif not context.inited:  # what Tortoise.init_models leaves behind where it was called
        await Tortoise.init(config=CONFIG)
        with suppress(ConfigurationError):  # another context is global already, and as good
            set_global_context(context)
