"""Every route answers its rightful caller: the ground on which the tests of refusals stand."""

from __future__ import annotations

import pytest

from tests.checked_client import CheckedClient
from tests.factories.world import OPERATIONS, World

REFUSED = {"transfer_coupon": "transfer-refused"}
"""What is answered to everybody with a reason: the route is there to say it."""


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in REFUSED])
def test_the_good_call_succeeds(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    answer = call.send(client, world.tokens[call.who] if call.who else None)
    assert answer.status_code < 300, (call.url(), answer.get_data(as_text=True)[:500])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_always_refused_says_why(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    answer = call.send(client, world.tokens[call.who] if call.who else None)
    assert answer.status_code == 403 and answer.get_json()["type"].endswith(REFUSED[name])


def test_the_list_of_operations_is_the_documents(world: World) -> None:
    assert set(OPERATIONS) == set(world.operations)
