"""Tenant walls: ids of another tenant in every argument of every mutation that takes one."""

from dataclasses import replace

import asyncpg
import pytest

from tests.harness.client import Api
from tests.harness.people import sign_up
from tests.harness.refusals import BAD_IDS
from tests.walls import samples
from tests.walls.answers import comparable
from tests.walls.documents import introspected
from tests.walls.mutations import Mutations, all_samples, is_chosen
from tests.walls.slots import replaced
from tests.walls.tenants import Tenant, contents, make_tenant


@pytest.fixture(scope="module")
async def tenant(api: Api, sql: asyncpg.Pool) -> Tenant:
    return await make_tenant(api, sql)


@pytest.fixture(scope="module")
async def outsider(api: Api, sql: asyncpg.Pool) -> Tenant:
    return await make_tenant(api, sql)


@pytest.fixture(scope="module")
async def mutations(api: Api) -> Mutations:
    return Mutations(await introspected(api))


def test_every_argument_that_takes_an_id_has_a_sample(mutations: Mutations, tenant: Tenant) -> None:
    assert len(mutations.slots) > 30
    assert mutations.without_sample(tenant) == []


async def test_the_samples_succeed_for_their_owner(
    mutations: Mutations, tenant: Tenant, outsider: Tenant
) -> None:
    """Otherwise the refusals below could have other reasons."""
    assert [problem async for problem in mutations.refused(tenant)] == []
    assert [problem async for problem in mutations.refused(outsider)] == []


async def test_an_id_of_others_answers_like_an_unknown_one_and_changes_nothing(
    mutations: Mutations, tenant: Tenant, outsider: Tenant, sql: asyncpg.Pool
) -> None:
    before = await contents(sql)
    assert [leak async for leak in mutations.leaks(tenant, outsider, also=BAD_IDS[:8])] == []
    assert await contents(sql) == before


async def test_of_a_chosen_id_it_only_shows_that_it_is_taken(
    mutations: Mutations, tenant: Tenant, outsider: Tenant, sql: asyncpg.Pool
) -> None:
    """An id clashes with those of its own kind, whoever's they are; the answers are the same."""
    before = await contents(sql)
    chosen = {slot.field for slot in mutations.slots if is_chosen(slot)}
    assert len(chosen) > 4
    for name in chosen:
        [variables, *_] = samples.mutations(outsider)[name]
        kinds = []
        for whose in (outsider, tenant):
            answers = {
                kind: await mutations.run(
                    outsider.owner, name, replaced(variables, ("input", "id"), ids[-1]), validateOnly=True
                )
                for kind, ids in whose.ids.items()
            }
            texts = {kind: comparable(answer) for kind, answer in answers.items()}
            kinds.append({kind: text for kind, text in texts.items() if "ID_TAKEN" in text})
        own, others = kinds
        assert len(own) == 1, name
        assert others == own, name
    assert await contents(sql) == before


async def test_a_guest_is_forbidden_what_an_outsider_does_not_find(
    mutations: Mutations, tenant: Tenant, sql: asyncpg.Pool
) -> None:
    guest = await sign_up(tenant.owner.api)
    await tenant.owner.add_member(guest, "GUEST", tenant.world.workspace["id"])
    before = await contents(sql)
    for name, variables in all_samples(tenant):
        if name not in samples.ABOUT_ONESELF:
            [refusal] = (await mutations.payload(guest, name, variables))["userErrors"]
            assert refusal["code"] == "FORBIDDEN", (name, refusal)
    assert await contents(sql) == before


async def test_nothing_of_it_works_signed_out(mutations: Mutations, tenant: Tenant) -> None:
    api, broken = tenant.owner.api, replace(tenant.owner, token="not.a.token")
    for name, variables in all_samples(tenant):
        text = mutations.text(name, variables)
        for answer, sentence in (
            (await api.run(text, variables), "Sign in to do this."),
            (await broken.run(text, variables), "The access token is not valid."),
        ):
            assert answer.code == "UNAUTHENTICATED", name
            assert answer.error["message"].startswith(sentence)


@pytest.mark.parametrize("text", ["", " \n", "\0", "a\0b", "x" * 200_000])
async def test_texts_that_no_column_takes(
    mutations: Mutations, tenant: Tenant, sql: asyncpg.Pool, text: str
) -> None:
    """Refused by the name of the argument. A description may be empty."""
    before = await contents(sql)
    for name, path, variables in mutations.places(tenant, "String"):
        payload = await mutations.payload(
            tenant.owner, name, replaced(variables, path, text), validateOnly=True
        )
        if path[-1] == "description" and not text.strip(" \n"):
            continue
        assert [tuple(error["field"]) for error in payload["userErrors"]] == [path], (name, payload)
        assert payload["userErrors"][0]["code"] in ("INVALID", "NOT_FOUND"), (name, payload)
    assert await contents(sql) == before
