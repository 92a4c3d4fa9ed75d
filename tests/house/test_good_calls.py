"""Every route answers its rightful caller: the ground on which the tests of refusals stand."""

from __future__ import annotations

import pytest

from tests.checked_client import CheckedClient
from tests.factories.world import OPERATIONS, World


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_good_call_succeeds(client: CheckedClient, world: World, name: str) -> None:
    call = world.call(name)
    answer = call.send(client, world.tokens[call.who] if call.who else None)
    assert answer.status_code < 300, (call.url(), answer.get_data(as_text=True)[:500])


def test_the_list_of_operations_is_the_documents(world: World) -> None:
    assert set(OPERATIONS) == set(world.operations)
