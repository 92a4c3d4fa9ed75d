"""No answer holds a person's full name, id number or phone, but those that are asked for in so many words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from backend.accounts import service as accounts
from backend.kit import db
from tests.checked_client import CheckedClient
from tests.factories.world import OPERATIONS, World

IN_CLEAR = {
    "read_data": "a person's copy of her own data",
    "download_data": "a person's copy of her own data",
    "show_declaration": "whoever verifies compares the name with a register; the look was written down first",
    "read_partner_application": "the office calls an applicant's contact at work; the look is in the trail",
    "look_at_person": "staff asked for these fields, and the look was written down first",
}
PHONE = "19900004321"
ANY_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])329999[0-9]{11}[0-9X](?![0-9A-Za-z])")
ANY_PHONE = re.compile(r"(?<![0-9A-Za-z.-])1[3-9][0-9]{9}(?![0-9A-Za-z.-])")


@pytest.fixture(scope="module")
def known(world: World) -> World:
    """The world, whose resident has a phone too."""
    with db.transaction() as session:
        accounts.change_phone(session, world.resident.resident_id, PHONE)
    return world


def unmasked(world: World, answer: Any) -> list[str]:
    text = answer.get_data().decode("utf-8", "replace") + repr(sorted(answer.headers.items()))
    people = (world.resident, world.neighbour)
    named = [one.name for one in people if one.name in text]
    return [*named, *ANY_ID_NUMBER.findall(text), *ANY_PHONE.findall(text)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_shows_people_masked(client: CheckedClient, known: World, name: str) -> None:
    call = known.call(name)
    answer = call.send(client, known.tokens[call.who] if call.who else None)
    assert answer.status_code < 300 or name == "transfer_coupon"
    found = unmasked(known, answer)
    assert bool(found) == (name in IN_CLEAR and name != "download_data"), found


def test_the_search_would_find_them(known: World) -> None:
    class Answer:
        headers: dict[str, str] = {}

        def get_data(self) -> bytes:
            return f'{{"a": "{known.resident.name}", "b": "{known.resident.id_number}", "c": "{PHONE}"}}'.encode()

    assert unmasked(known, Answer()) == [known.resident.name, known.resident.id_number, PHONE]
