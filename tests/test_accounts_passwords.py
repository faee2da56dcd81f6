import asyncio
import threading
from typing import Any

import argon2
import pytest

from app.domain.errors import Busy, Invalid
from app.domain.passwords import NOBODY, PARAMETERS, Passwords, _common, check_new


async def test_a_password_matches_its_own_hash_only() -> None:
    passwords = Passwords()
    made = await passwords.hash("correct horse battery")
    assert (await passwords.verify(made, "correct horse battery")).matches
    assert not (await passwords.verify(made, "correct horse batterY")).matches
    assert "m=19456,t=2,p=1" in made
    assert made.startswith("$argon2id$")


async def test_nobody_costs_what_somebody_costs_and_matches_nothing() -> None:
    assert argon2.extract_parameters(NOBODY) == PARAMETERS
    assert not (await Passwords().verify(None, "correct horse battery")).matches


async def test_a_hash_with_weaker_parameters_is_due_for_a_new_one() -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    passwords = Passwords()
    assert (await passwords.verify(weak, "correct horse battery")).needs_rehash
    strong = await passwords.hash("correct horse battery")
    assert not (await passwords.verify(strong, "correct horse battery")).needs_rehash


async def test_the_same_characters_match_however_they_were_composed() -> None:
    passwords = Passwords()
    made = await passwords.hash("caf\u00e9 au lait")
    assert (await passwords.verify(made, "cafe\u0301 au lait")).matches


async def test_half_a_surrogate_pair_and_a_null_byte_are_only_wrong() -> None:
    passwords = Passwords()
    made = await passwords.hash("correct horse battery")
    for odd in ("\ud800" * 12, "correct horse battery\0"):
        assert not (await passwords.verify(made, odd)).matches


async def test_more_than_may_wait_is_refused_at_once_and_places_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()

    def slow(*_: Any) -> bool:
        return gate.wait(10)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", slow)
    passwords = Passwords(threads=1, waiting=2)
    waiting = [asyncio.create_task(passwords.verify(NOBODY, "x")) for _ in range(3)]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy):
        await passwords.verify(NOBODY, "x")
    # Who goes away while waiting gives the place back; work under way keeps it until it is done.
    waiting[0].cancel()
    waiting[2].cancel()
    await asyncio.sleep(0.05)
    fourth = asyncio.create_task(passwords.verify(NOBODY, "x"))
    await asyncio.sleep(0.05)
    with pytest.raises(Busy):
        await passwords.verify(NOBODY, "x")
    gate.set()
    assert (await waiting[1]).matches
    assert (await fourth).matches


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    passwords = Passwords(threads=2)
    hashing = asyncio.gather(*(passwords.hash("correct horse battery") for _ in range(6)))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 20


@pytest.mark.parametrize(
    "password",
    ["x7" * 5, "x7" * 64, "\U0001f40e" * 10, "é" * 128, "1234567890 1234567890", "correcthorsebatterystaple"],
)
def test_passwords_of_10_to_128_characters_may_be_chosen(password: str) -> None:
    check(password)


@pytest.mark.parametrize("password", ["", "x" * 9, "x7" * 65, "\ufdfa" * 128, "e\u0301" * 9])
def test_shorter_and_longer_ones_may_not(password: str) -> None:
    message = refusal(password)
    assert "10" in message or "128" in message


@pytest.mark.parametrize(
    "password",
    [
        *("1234567890", "qwertyuiop", "QwertyUiop", "password123", "PassWord123", "1q2w3e4r5t", "x" * 10),
        *(
            " password123 ",
            "".join(chr(ord(letter) + 0xFEE0) for letter in "password123"),
        ),  # full-width letters
    ],
)
def test_common_ones_may_not_in_whatever_case_and_form(password: str) -> None:
    assert "first that are guessed" in refusal(password)


def test_the_list_of_common_ones_holds_what_may_be_chosen_otherwise() -> None:
    common = _common()
    assert len(common) > 1000
    assert all(10 <= len(entry) <= 128 and entry == entry.casefold().strip() for entry in common)
    for entry in common:
        refusal(entry)


@pytest.mark.parametrize(
    "password",
    [
        "robin.wood@example.com",
        "ROBIN.WOOD@example.com",
        "robin.wood",
        "Robin.Wood",
        "Näslund-Wood",
        "näslund-WOOD ",
    ],
)
def test_ones_own_email_and_name_may_not(password: str) -> None:
    assert "email or the name" in refusal(password)


def check(password: str) -> None:
    check_new(password, ("input", "password"), email="robin.wood@example.com", name="Näslund-Wood")


def refusal(password: str) -> str:
    with pytest.raises(Invalid) as refused:
        check(password)
    assert refused.value.field == ("input", "password")
    return refused.value.message
