"""A published root stands over every transfer of its day; a stranger can check one line, and learns no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import delete, insert, select, update

from backend.codes import service as codes
from backend.kit import clock, db
from backend.kit.chained import seal_of
from backend.kit.errors import NotFound
from backend.ledger import rollup
from backend.ledger import service as ledger
from backend.ledger.cli import ledger as commands
from backend.ledger.models import transfers
from backend.proofs import jobs, rules, service, verification, verifier
from backend.proofs.errors import LineNotProven, RootNotYet
from backend.proofs.models import LeavesPartRow, ProofDayRow
from tests.checked_client import CheckedClient
from tests.conftest import SERVER_URL
from tests.factories import accounts as people
from tests.ledger.helpers import award, hold, issuer, settle
from tests.support.databases import bound_to_own

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 4)


@pytest.fixture(autouse=True)
def own(app: Flask, city_contents: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty database with keys of its own, and parts of four leaves."""
    monkeypatch.setattr(rules, "PART", 4)
    with bound_to_own("postgresql" if SERVER_URL else "sqlite", city_contents):
        with at(FIRST), db.transaction() as session:
            codes.ensure_keys(session, "320115")
        yield


def at(day: date, hours: float = 12) -> Any:
    return clock.at(clock.start_of_day(day) + timedelta(hours=hours))


def life(day: date, lines: int) -> tuple[UUID, list[ledger.Transfer]]:
    """So many awards of one resident, a hold and its settlement, on a day."""
    who = uuid4()
    with at(day), db.transaction() as session:
        given = issuer(session)
        made = [award(session, who, given, number + 1) for number in range(lines)]
        made.append(hold(session, who, 1))
        made.append(settle(session, made[-1]))
    return who, made


def publish() -> list[service.Root]:
    with at(date(2026, 3, 9)):
        rollup.close_all()
        return service.publish_all()


def findings(kept: dict[str, Any] | None = None) -> list[str]:
    with db.reading() as reader:
        return [str(one) for one in verification.verify(reader, kept)]


def prove(who: UUID, line: UUID) -> dict[str, Any]:
    with db.reading() as reader:
        proof = service.prove_entry(reader, who, line)
    found: dict[str, Any] = json.loads(json.dumps(proof._asdict()))
    return found


def published_keys() -> dict[str, Any]:
    with db.reading() as reader:
        return codes.jwks(reader)


@pytest.mark.parametrize("lines", [0, 1, 2, 5, 14])
def test_every_line_is_proved_to_a_stranger_and_the_proof_fails_for_anything_else(lines: int) -> None:
    life(SECOND, 3)
    who, made = life(FIRST, max(lines, 1))
    roots = publish()
    assert [(root.day, root.number) for root in roots] == [(FIRST, 1), (SECOND, 2)]
    assert roots[1].told["previous"] == roots[0].value and roots[0].told["previous"] == "0" * 64
    keys = published_keys()
    for line in made[:-1]:
        proof = prove(who, line.id)
        assert verifier.problems(proof, keys) == []
        assert json.loads(proof["leaf"])["amount_points"] == line.amount_points
        spoilt = {**proof, "leaf": proof["leaf"].replace('"amount_points":', '"amount_points":1')}
        assert verifier.problems(spoilt, keys) == ["the path does not lead to the root"]
        assert verifier.problems({**proof, "leaf_index": proof["leaf_index"] ^ 1}, keys) != []
        forged = {**proof, "root": {**proof["root"], "points": 1}}
        assert verifier.problems(forged, keys) == ["the seal is not that of the statement"]
        forged["root"]["seal"] = seal_of(
            rules.DOMAIN,
            rules.canonical(
                {name: value for name, value in forged["root"].items() if name not in ("seal", "signature")}
            ),
        )
        assert verifier.problems(forged, keys) == ["the signature is wrong"]
        assert verifier.problems(proof, {"keys": []}) == ["the key is not published"]
    assert verifier.problems({}, keys) == ["not a proof: KeyError"]
    assert findings() == []


def test_a_proof_tells_nothing_of_who_it_is_nor_of_her_other_lines() -> None:
    who, made = life(FIRST, 6)
    publish()
    proofs = [prove(who, line.id) for line in made[:-1]]
    leaves = [json.loads(proof["leaf"]) for proof in proofs]
    assert str(who) not in json.dumps(proofs)
    for name in ("hidden", "blinding", "id"):
        assert len({leaf[name] for leaf in leaves}) == len(leaves)
    assert all("wallet" in (leaf["from"], leaf["to"]) for leaf in leaves)
    with db.reading() as reader:
        salt = reader.execute(select(ProofDayRow.salt)).scalar_one()
        assert salt.hex() not in json.dumps([proofs, service.root_of(reader, FIRST).published()])


def test_nobody_gets_a_proof_of_anothers_line_nor_of_what_is_no_line() -> None:
    who, made = life(FIRST, 1)
    other, _ = life(FIRST, 1)
    publish()
    for resident, line in ((other, made[0].id), (who, made[-1].id), (who, uuid4())):
        with pytest.raises(NotFound):
            prove(resident, line)


def test_a_line_of_today_has_no_proof_yet() -> None:
    who, made = life(FIRST, 1)
    with pytest.raises(RootNotYet) as refused:
        prove(who, made[0].id)
    assert refused.value.members == {"day": "2026-03-01"}


def test_a_cut_run_is_taken_up_and_comes_to_the_same_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PARTS", 1)
    life(FIRST, 14)
    with at(date(2026, 3, 9)):
        [day] = rollup.close_all()
    whole = ledger.ClosedDay(*day)
    for _ in range(2):
        with db.transaction() as session:
            assert not service.add_parts(session, whole), "the run ends here"
    [root] = publish()
    assert root.told["count"] == 17 and publish() == [] and findings() == []
    assert jobs.publish() == "0 roots signed"


def test_a_day_that_changed_after_it_was_closed_is_not_signed() -> None:
    life(FIRST, 2)
    with at(date(2026, 3, 9)):
        rollup.close_all()
    with db.transaction() as session:
        row = dict(session.execute(select(transfers).limit(1)).one()._mapping)
        session.execute(insert(transfers).values(row | {"id": uuid4(), "entry_number": None,
                                                        "wallet_balance_after_points": None}))  # fmt: skip
    assert publish() == []


def test_whatever_is_done_to_the_transfers_afterwards_is_found() -> None:
    who, made = life(FIRST, 9)
    life(SECOND, 1)
    publish()
    one = transfers.c.id == made[4].id
    with db.transaction() as session:
        session.execute(update(transfers).where(one).values(title="另一个说法"))
    assert any(f"流水 {made[4].id} 在公布之后被改动" in each for each in findings())
    with pytest.raises(LineNotProven):
        prove(who, made[4].id)
    with db.transaction() as session:
        session.execute(update(transfers).where(one).values(title="发放", subject_id=uuid4()))
    assert any("被改动" in each for each in findings()), "what a stranger does not see is bound as well"
    with db.transaction() as session:
        session.execute(update(transfers).where(one).values(subject_id=None))
    assert findings() == []
    with db.transaction() as session:
        row = dict(session.execute(select(transfers).where(transfers.c.id == made[-1].id)).one()._mapping)
        late = {"id": uuid4(), "created_at": clock.end_of_day(FIRST) - timedelta(seconds=1)}
        session.execute(insert(transfers).values(row | late))
        session.execute(delete(transfers).where(transfers.c.id == made[-1].id))
    said = findings()
    assert any("补写" in each for each in said) and any("1 笔流水在公布之后被改动或删除" in each for each in said)


def test_a_chain_that_was_rewritten_is_found_by_whoever_kept_a_root() -> None:
    life(FIRST, 1)
    life(SECOND, 1)
    first, second = publish()
    kept = second.published()
    assert findings(kept) == []
    row = ProofDayRow.day == FIRST
    with db.transaction() as session:
        session.execute(update(ProofDayRow).where(row).values(statement=first.text.replace('"count":4', '"count":5')))
    assert any("签名不符" in each for each in findings()) and any("不在链上" in each for each in findings())
    with db.transaction() as session:
        session.execute(update(ProofDayRow).where(row).values(statement=first.text))
        session.execute(update(LeavesPartRow).where(LeavesPartRow.day == FIRST).values(root=b"0" * 32))
    assert any("得不出公布的根" in each for each in findings())
    assert any("重写" in each for each in findings({**kept, "root": "0" * 64}))
    assert any("这里没有" in each for each in findings({**kept, "day": "2026-03-02"}))


def test_the_commands_say_what_they_proved_and_fail_when_something_differs(tmp_path: Path) -> None:
    _, made = life(FIRST, 5)
    with at(date(2026, 3, 9)):
        done = CliRunner().invoke(commands, ["publish-roots"])
        assert done.exit_code == 0 and "封账 1 天，公布 1 份根。" in done.output
    good = CliRunner().invoke(commands, ["verify-roots"])
    assert good.exit_code == 0 and "1 天的根与 8 笔流水一致" in good.output
    with db.reading() as reader:
        (tmp_path / "kept.json").write_text(json.dumps(service.root_of(reader, FIRST).published()), "utf-8")
    assert CliRunner().invoke(commands, ["verify-roots", "--against", str(tmp_path / "kept.json")]).exit_code == 0
    with db.transaction() as session:
        session.execute(update(transfers).where(transfers.c.id == made[0].id).values(amount_points=2))
    assert CliRunner().invoke(commands, ["verify-roots"]).exit_code == 1


def test_the_routes_publish_roots_and_prove_a_line(app: Flask) -> None:
    client = CheckedClient(app)
    with db.transaction() as session:
        who = people.resident(session)
        token = people.resident_token(session, who)
    with at(FIRST), db.transaction() as session:
        line = award(session, who.resident_id, issuer(session), 5)
    life(SECOND, 1)
    assert client.get("/api/v1/ledger/roots").get_json() == {"items": [], "next_cursor": None}
    early = client.get(f"/api/v1/me/wallet/entries/{line.id}/proof", token=token)
    assert (early.status_code, early.get_json()["type"]) == (409, "/problems/root-not-yet")
    publish()
    page = client.get("/api/v1/ledger/roots?limit=1")
    assert [root["day"] for root in page.get_json()["items"]] == ["2026-03-04"] and "max-age" in page.headers[
        "Cache-Control"
    ]
    rest = client.get(f"/api/v1/ledger/roots?limit=1&cursor={page.get_json()['next_cursor']}").get_json()
    assert [root["day"] for root in rest["items"]] == ["2026-03-01"] and rest["next_cursor"] is None
    root = client.get("/api/v1/ledger/roots/2026-03-01").get_json()
    assert root == rest["items"][0]
    for day in ("2026-03-02", "yesterday"):
        assert client.get(f"/api/v1/ledger/roots/{day}").status_code == 404
    proof = client.get(f"/api/v1/me/wallet/entries/{line.id}/proof", token=token)
    keys = client.get("/.well-known/jwks.json").get_json()
    assert proof.status_code == 200 and proof.get_json()["root"] == root
    assert verifier.problems(proof.get_json(), keys) == []
    assert client.get(f"/api/v1/me/wallet/entries/{uuid4()}/proof", token=token).status_code == 404
