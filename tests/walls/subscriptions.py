"""The walk through every subscription."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from graphql import GraphQLSchema

from tests.harness.sockets import PATIENCE, Socket, Subscription
from tests.walls import samples
from tests.walls.answers import shown, stripped
from tests.walls.documents import document, required
from tests.walls.queries import UNKNOWN
from tests.walls.slots import Slot, Variables, leaves, replaced, slots
from tests.walls.tenants import Tenant


class Subscriptions:
    def __init__(self, schema: GraphQLSchema, tenant: Tenant, outsider: Tenant) -> None:
        assert schema.subscription_type is not None
        self._fields = schema.subscription_type.fields
        self._tenant = tenant
        self.outsider = outsider
        self.slots = slots(schema.subscription_type)

    def without_sample(self) -> list[Slot]:
        given = samples.subscriptions(self._tenant)
        return [slot for slot in self.slots if slot.path not in leaves(given.get(slot.field, {}))]

    async def leaks(self, socket: Socket) -> AsyncIterator[str]:
        """Ids of others of which the outsider is told more than of an unknown one."""
        for slot in self.slots:
            own = samples.subscriptions(self.outsider)[slot.field]
            wrong = leaves(samples.subscriptions(self._tenant)[slot.field])[slot.path]
            unknown = await self._first(socket, slot.field, replaced(own, slot.path, UNKNOWN))
            if "NOT_FOUND" not in unknown:
                yield f"{slot} with an unknown id: {unknown}"
            for one in dict.fromkeys((wrong, *self._tenant.one_of_each())):
                answer = await self._first(socket, slot.field, replaced(own, slot.path, one))
                if answer != unknown:
                    yield f"{slot} with the id {one} of others: {answer}"

    async def heard(self, socket: Socket) -> AsyncIterator[str]:
        """Ids of the tenant's in what the outsider is told while both write.

        Each subscription is opened with the sample's arguments, and without any where it can do without.
        Raises AssertionError when the outsider's own writes do not reach it.
        """
        for name, field in self._fields.items():
            for given in (samples.subscriptions(self.outsider)[name], {}):
                if set(required(field.args)) <= set(given):
                    subscription = await self._open(socket, name, given)
                    async for message in self._messages(subscription):
                        for one in shown(message, self._tenant.all_ids()):
                            yield f"{name}({given}) tells of {one}: {message}"
                    await subscription.stop()

    async def _messages(self, subscription: Subscription) -> AsyncIterator[str]:
        """What is told up to the outsider's last write, which comes after one of the tenant's."""
        await self._until_active(subscription)
        await samples.stir(self._tenant)
        last = await samples.stir(self.outsider)
        message = ""
        while last not in message:
            message = json.dumps(await subscription.data())
            yield message

    async def _until_active(self, subscription: Subscription) -> None:
        """The protocol does not tell: writes until the subscriber hears of it."""
        for _ in range(40):
            await samples.stir(self.outsider)
            with suppress(TimeoutError):
                await subscription.data(0.5)
                return
        raise AssertionError("the subscription never became active")

    async def _open(self, socket: Socket, name: str, given: Variables) -> Subscription:
        text = document("subscription", name, self._fields[name], given, depth=2)
        return await socket.subscribe(text, given)

    async def _first(self, socket: Socket, name: str, given: Variables) -> str:
        subscription = await self._open(socket, name, given)
        message = await asyncio.wait_for(subscription.messages.get(), PATIENCE)
        return stripped({**message, "id": None})
