"""Whoever opens what is somebody else's is written down first: every route, by what really happens in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.sql.dml import Insert

from backend.consents.models import AccessLogRow
from backend.kit import db, files, seal
from backend.web.callers import PERMISSIONS
from tests.checked_client import CheckedClient
from tests.factories.world import METHOD_OF, OPERATIONS, PERMISSION_OF, World

SHOWS_PERSONS = {"list_review_queue", "show_submission_photo"}
"""Routes by which somebody reads what is another person's. Each writes the access log before it answers."""

SHOWS_NOBODY = {
    "sign_out": "ends a session", "read_me": "one's own account",
    "issue_counter_code": "answers a code for what the clerk typed; in the trail",
    "grant_budget": "an organisation's figures", "reverse_transfer": "corrects a transfer named by id; in the trail",
    "announce_activity": "an activity", "show_check_in_code": "a code for a screen",
    "review_submission": "answers what the worker wrote; in the trail",
    "verify_code": "yes or no; discloses nobody", "admit": "yes or no; discloses nobody",
    "read_offline_pack": "numbers of coupons", "upload_admissions": "yes or no by row",
    "search_looks": "pseudonymous ids; the search is in the trail", "search_trail": "ids and figures",
    "list_seals": "figures",
}  # fmt: skip
"""Routes for staff and devices that show nothing of any person, and why."""

FOR_OTHERS = sorted(
    name for name in OPERATIONS
    if PERMISSION_OF[name] != "public" and PERMISSIONS[PERMISSION_OF[name]].kinds & {"staff", "device"}
)  # fmt: skip
OPEN_READS = [name for name in OPERATIONS if PERMISSION_OF[name] == "public" and METHOD_OF[name] == "GET"]


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, UUID]]]:
    """What happens, in order: ``("opened", person)`` and ``("noted", person)``."""
    told: list[tuple[str, UUID]] = []
    opening, showing = seal.Sealer.open, files.open_image

    def opened(self: Any, *args: Any, **kwargs: Any) -> str:
        told.append(("opened", kwargs["person"]))
        return opening(self, *args, **kwargs)

    def shown(reader: Any, owner: UUID, *args: Any, **kwargs: Any) -> Any:
        told.append(("opened", owner))
        return showing(reader, owner, *args, **kwargs)

    def noted(_connection: Any, statement: Any, many: Any, one: Any, _options: Any) -> None:
        if isinstance(statement, Insert) and statement.table.name == "access_log":
            rows = many or [one or statement.compile().params]
            told.extend(("noted", row["resident_id"]) for row in rows)

    monkeypatch.setattr(seal.Sealer, "open", opened)
    monkeypatch.setattr(files, "open_image", shown)
    engine = db.current().engine
    event.listen(engine, "before_execute", noted)
    yield told
    event.remove(engine, "before_execute", noted)


def unnoted(told: list[tuple[str, UUID]]) -> list[UUID]:
    """Who was opened before a look at them was noted."""
    seen: set[UUID] = set()
    wrong = []
    for what, person in told:
        if what == "noted":
            seen.add(person)
        elif person not in seen:
            wrong.append(person)
    return wrong


def test_every_route_for_staff_and_devices_is_thought_about() -> None:
    assert set(FOR_OTHERS) == SHOWS_PERSONS | set(SHOWS_NOBODY), "say in SHOWS_PERSONS or SHOWS_NOBODY what it shows"


@pytest.mark.parametrize("name", FOR_OTHERS)
def test_nobody_is_opened_before_the_look_is_noted(
    client: CheckedClient, world: World, happened: list[tuple[str, UUID]], name: str
) -> None:
    call = world.call(name)
    token = world.tokens["office"] if call.who in ("resident", "leaving") else world.tokens[str(call.who)]
    happened.clear()
    answer = call.send(client, token)
    assert answer.status_code < 300
    assert unnoted(happened) == []
    assert bool(happened) == (name in SHOWS_PERSONS)
    if name in SHOWS_NOBODY:
        body = answer.get_data(as_text=True)
        for who in (world.resident, world.neighbour):
            for secret in (who.name, seal.mask_name(who.name), who.id_number, who.openid):
                assert secret not in body


@pytest.mark.parametrize("name", OPEN_READS)
def test_what_is_open_to_anyone_opens_nobody(
    client: CheckedClient, world: World, happened: list[tuple[str, UUID]], name: str
) -> None:
    call = world.call(name)
    happened.clear()
    assert call.send(client, None).status_code == 200
    assert happened == []


@pytest.mark.parametrize("name", sorted(SHOWS_PERSONS))
def test_the_line_says_who_where_what_why_and_under_which_authorisation(
    client: CheckedClient, world: World, name: str
) -> None:
    before = _lines(world)
    call = world.call(name)
    assert call.send(client, world.tokens[str(call.who)]).status_code == 200
    [line] = [line for line in _lines(world) if line not in before]
    assert line.role == "community-worker" and line.organisation_id == world.community_organisation
    assert line.purpose and line.fields and line.basis
    assert line.authorisation.startswith("consent:community:")
    UUID(line.authorisation.rpartition(":")[2])


def _lines(world: World) -> list[Any]:
    with db.reading() as reader:
        mine = AccessLogRow.resident_id == world.resident.resident_id
        return list(reader.execute(select(AccessLogRow.__table__).where(mine)))


@pytest.mark.parametrize("name", sorted(SHOWS_PERSONS))
def test_where_the_look_cannot_be_noted_nothing_is_shown(client: CheckedClient, world: World, name: str) -> None:
    def refuse(_connection: Any, statement: Any, *_: Any) -> None:
        if isinstance(statement, Insert) and statement.table.name == "access_log":
            raise OSError("the disk is full")

    call, engine = world.call(name), db.current().engine
    event.listen(engine, "before_execute", refuse)
    try:
        answer = call.send(client.application.test_client(), world.tokens[str(call.who)])
    finally:
        event.remove(engine, "before_execute", refuse)
    assert answer.status_code == 500
    assert seal.mask_name(world.resident.name) not in answer.get_data(as_text=True)
