"""Declaring, verifying, taking back, revoking; and what follows in the archive and the score."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import AdultsOnly
from backend.accounts.models import StaffRow
from backend.catalogue import service as catalogue
from backend.consents import service as consents
from backend.declarations import desk, evidence, models, rules, service
from backend.declarations.errors import (
    AlreadyDeclared,
    DeclarationDecided,
    EvidenceGone,
    NoCreditCode,
    OwnDeclaration,
    PledgeChanged,
    TooManyDeclarations,
    WhichOrganisation,
)
from backend.declarations.shelves import ENTITIES, PEOPLE
from backend.delegation import service as delegation
from backend.delegation.proof import CardProof
from backend.kit import city, clock, files, workdays
from backend.kit.errors import FieldError, NotFound
from backend.messages import service as messages
from backend.records import service as records
from backend.records.errors import RecordExists
from backend.records.models import entity_records
from backend.scores import service as scores
from tests.declarations.conftest import (
    OF_LABOUR,
    SOURCE,
    act,
    adult,
    certificate,
    credit_code,
    decide,
    declared,
    ids,
    merchant,
    new,
    office,
    officer,
    organisation,
    photo,
)
from tests.factories import accounts as people


def score_of(session: Session, resident_id: UUID) -> int:
    found = scores.current(session, resident_id)
    assert found is not None
    return found.value


def agrees_to_a_score(session: Session, resident_id: UUID) -> None:
    version = consents.purpose_called(session, "score").text_version
    consents.set_consent(session, resident_id, "score", True, version)


def looks_of(session: Session, resident_id: UUID) -> list[consents.Look]:
    return consents.looks(session, resident_id, 100)


# --- a declaration and its end ---------------------------------------------------------------------------------------


def test_what_is_declared_counts_only_once_it_is_confirmed(session: Session) -> None:
    who = adult(session)
    agrees_to_a_score(session, who.key)
    before = score_of(session, who.key)
    made = declared(session, who)
    assert (made.status, made.record_id, made.self_declared) == ("pending", None, True)
    assert made.due_on == workdays.add_workdays(clock.today(), 10).on and not made.overdue
    assert records.records_of(session, who.key) == [] and score_of(session, who.key) == before

    done = decide(session, officer(session), made.id)
    (record,) = records.records_of(session, who.key)
    assert (done.declaration_status, done.record_id) == ("confirmed", record.id)
    assert record.source_name == f"自主申报，{OF_LABOUR} 确认" and record.declaration_id == made.id
    assert (record.item_code, record.document_no, record.title) == ("NP-QUA-01", "演示证1号", "演示职业资格证书")
    assert record.fields["occupation"] == "演示职业" and "document_no" not in record.fields
    assert score_of(session, who.key) == before + 10, "in the same transaction"
    (told,) = messages.messages(session, [who.key], 5)
    assert told.kind == "declaration-confirmed"


def test_a_confirmed_one_is_taken_back_and_leaves_the_score(session: Session) -> None:
    who = adult(session)
    agrees_to_a_score(session, who.key)
    before, made = score_of(session, who.key), declared(session, who)
    decide(session, officer(session), made.id)
    again = service.withdraw(session, who, made.id, act(who.key))
    (record,) = records.records_of(session, who.key)
    assert (again.status, record.status, record.change_reason) == ("withdrawn", "withdrawn", service.TAKEN_BACK)
    assert again.decision and again.ending and again.ending.kind == "withdrawn"
    assert score_of(session, who.key) == before
    with pytest.raises(DeclarationDecided):
        service.withdraw(session, who, made.id, act(who.key))


def test_a_false_one_is_revoked_and_the_reason_stays_with_the_record(session: Session) -> None:
    who = adult(session)
    made, by = declared(session, who), officer(session)
    decide(session, by, made.id)
    done = decide(session, by, made.id, "revoke", "原始登记查无此证")
    (record,) = records.records_of(session, who.key)
    assert (done.declaration_status, record.status, record.change_reason) == (
        "revoked",
        "withdrawn",
        "原始登记查无此证",
    )
    seen = service.declaration(session, PEOPLE, [who.key], made.id)
    assert seen.ending and (seen.ending.kind, seen.ending.reason) == ("revoked", "原始登记查无此证")
    assert seen.decision and seen.decision.reason == "与登记相符"
    assert {one.kind for one in messages.messages(session, [who.key], 5)} == {
        "declaration-confirmed", "declaration-revoked"
    }  # fmt: skip


@pytest.mark.parametrize("first", ["reject", "withdraw"])
def test_what_was_rejected_or_withdrawn_is_decided_no_more_and_may_be_declared_anew(
    session: Session, first: str
) -> None:
    who, by = adult(session), officer(session)
    made = declared(session, who)
    if first == "reject":
        decide(session, by, made.id, "reject", "附件看不清")
    else:
        service.withdraw(session, who, made.id, act(who.key))
    for decision in rules.DECISIONS:
        with pytest.raises(DeclarationDecided):
            decide(session, by, made.id, decision)
    assert records.records_of(session, who.key) == []
    assert declared(session, who).status == "pending"


def test_a_pending_one_is_not_revoked(session: Session) -> None:
    made = declared(session, adult(session))
    with pytest.raises(DeclarationDecided):
        decide(session, officer(session), made.id, "revoke")


def test_what_was_taken_back_or_revoked_may_be_filed_again_as_one_record(session: Session) -> None:
    who, by = adult(session), officer(session)
    first = decide(session, by, declared(session, who).id)
    decide(session, by, first.declaration_id, "revoke", "查无此证")
    again = declared(session, who)
    assert decide(session, by, again.id).record_id == first.record_id
    (record,) = records.records_of(session, who.key)
    assert (record.status, record.declaration_id, record.version) == ("active", again.id, 3)
    service.withdraw(session, who, again.id, act(who.key))
    reported = records.NewRecord(
        item_code="NP-QUA-01", source_name=OF_LABOUR, document_no=record.document_no, title=record.title,
        decided_on=record.decided_on, fields=record.fields,
    )  # fmt: skip
    records.add_record(session, who.key, reported)
    (record,) = records.records_of(session, who.key)
    assert (record.status, record.declaration_id, record.source_name) == ("active", None, OF_LABOUR)


def test_what_a_department_has_reported_is_not_confirmed_beside_it(session: Session) -> None:
    who, by = adult(session), officer(session)
    made = declared(session, who)
    said = rules.content(certificate())
    new_one = rules.record(catalogue.item(session, "NP-QUA-01"), said, made.id, rules.Confirmer(uuid4(), "演示单位"))
    records.add_record(session, who.key, replace(new_one, declaration_id=None, source_name=OF_LABOUR))
    with pytest.raises(RecordExists):
        decide(session, by, made.id)
    assert decide(session, by, made.id, "reject", "档案里已有").declaration_status == "rejected"
    assert len(records.records_of(session, who.key)) == 1


def test_a_repeat_makes_nothing_twice(session: Session) -> None:
    who, by = adult(session), officer(session)
    operation = act(who.key)
    request = new(session, who)
    made = service.declare(session, who, request, operation)
    assert service.declare(session, who, request, operation) == made
    decision = act(by.account_id)
    done = [desk.decide(session, by, made.id, "confirm", "与登记相符", decision) for _ in range(2)]
    assert done[0] == done[1] and len(records.records_of(session, who.key)) == 1
    taken = act(who.key)
    assert service.withdraw(session, who, made.id, taken) == service.withdraw(session, who, made.id, taken)


def test_a_record_that_ended_otherwise_stays_as_it_ended(session: Session) -> None:
    who, by = adult(session), officer(session)
    made = declared(session, who)
    record_id = decide(session, by, made.id).record_id
    assert record_id
    records.change_status(session, who.key, record_id, "expired", None, "到期")
    assert decide(session, by, made.id, "revoke", "查无此证").declaration_status == "revoked"
    assert records.record(session, who.key, record_id).status == "expired"


def test_what_a_department_has_made_its_own_is_not_withdrawn_with_the_declaration(session: Session) -> None:
    who, by = adult(session), officer(session)
    made = declared(session, who)
    record_id = decide(session, by, made.id).record_id
    assert record_id
    (held,) = records.records_of(session, who.key)
    reported = records.NewRecord(
        item_code="NP-QUA-01", source_name=OF_LABOUR, document_no=held.document_no, title=held.title,
        decided_on=held.decided_on, fields=held.fields,
    )  # fmt: skip
    records.correct_record(session, who.key, record_id, reported, by=by.account_id, reason="部门报送")
    assert service.withdraw(session, who, made.id, act(who.key)).status == "withdrawn"
    assert records.record(session, who.key, record_id).status == "active"


# --- what may be declared, by whom, how often ------------------------------------------------------------------------


def test_the_pledge_in_force_and_no_other_is_accepted_and_kept(session: Session) -> None:
    who = adult(session)
    with pytest.raises(PledgeChanged) as refused:
        service.declare(session, who, new(session, who)._replace(pledge_version="2025.1"), act(who.key))
    assert refused.value.members == {"version": service.offered(session).pledges["natural_person"].version}
    made = declared(session, who)
    shown = desk.show(session, officer(session), made.id)
    assert made.pledge_version == refused.value.members["version"]
    assert shown.pledge_text == service.offered(session).pledges["natural_person"].text


@pytest.mark.parametrize("item_code", ["NP-HON-01", "NP-PEN-01", "LE-SEL-01", "XX-XXX-99"])
def test_what_the_catalogue_does_not_open_is_not_declared(session: Session, item_code: str) -> None:
    who = adult(session)
    with pytest.raises(FieldError) as refused:
        service.declare(session, who, new(session, who)._replace(item_code=item_code), act(who.key))
    assert refused.value.members["errors"][0]["pointer"] == "/item_code"


def test_only_ones_own_pictures_and_each_for_one_declaration(session: Session) -> None:
    who, other = adult(session), adult(session)
    request = new(session, who)
    for photos, why in ((photo(session, other.key), "不存在"), (uuid4(), "不存在")):
        with pytest.raises(FieldError) as refused:
            service.declare(session, who, request._replace(photo_ids=(photos,)), act(who.key))
        assert why in refused.value.members["errors"][0]["detail"]
    service.declare(session, who, request, act(who.key))
    with pytest.raises(FieldError) as refused:
        service.declare(session, who, new(session, who, number=2)._replace(photo_ids=request.photo_ids), act(who.key))
    assert "另一条" in refused.value.members["errors"][0]["detail"]


def test_the_same_document_is_not_declared_twice_while_one_stands(session: Session) -> None:
    who = adult(session)
    made = declared(session, who)
    with pytest.raises(AlreadyDeclared) as refused:
        declared(session, who)
    assert refused.value.members == {"declaration_id": str(made.id), "declaration_status": "pending"}
    assert declared(session, adult(session)).status == "pending", "another person's is another document"


@pytest.mark.parametrize("about", ["natural_person", "legal_entity"])
def test_open_declarations_are_limited(session: Session, about: str) -> None:
    who, item = (adult(session), "NP-SEL-01") if about == "natural_person" else (merchant(session), "LE-SEL-01")
    made = [declared(session, who, item, number=n) for n in range(10)]
    with pytest.raises(TooManyDeclarations) as refused:
        declared(session, who, item, number=10)
    assert refused.value.members == {"limit": "open", "most": 10}
    decide(session, office(session), made[0].id, "reject", "附件看不清")
    with pytest.raises(TooManyDeclarations) as refused:
        declared(session, who, item, number=10)
    assert refused.value.members == {"limit": "day", "most": 10}


def test_a_child_declares_nothing(session: Session) -> None:
    child = service.resident(people.resident(session, date(clock.today().year - 15, 1, 2)).resident_id)
    with pytest.raises(AdultsOnly):
        declared(session, child)


def test_another_persons_declaration_is_not_found(session: Session) -> None:
    made, other = declared(session, adult(session)), adult(session)
    with pytest.raises(NotFound):
        service.declaration(session, PEOPLE, [other.key], made.id)
    with pytest.raises(NotFound):
        service.withdraw(session, other, made.id, act(other.key))
    assert service.declarations(session, PEOPLE, [other.key], 20, None) == []


# --- merchants -------------------------------------------------------------------------------------------------------


def test_a_merchants_is_shown_nowhere_before_and_marked_after(session: Session) -> None:
    who = merchant(session)
    made = declared(session, who, "LE-SEL-01")
    table = entity_records.c
    of_hers = select(entity_records).where(table.entity_code == who.key, table.item_code == "LE-SEL-01")
    assert session.execute(of_hers).all() == []
    assert made.id not in {one.declaration_id for one in records.entity_records_of(session, who.key, clock.today())}
    decide(session, officer(session, SOURCE), made.id)
    (shown,) = [
        one for one in records.entity_records_of(session, who.key, clock.today()) if one.item_code == "LE-SEL-01"
    ]
    assert shown.declaration_id == made.id and shown.source_name == f"自主申报，{SOURCE} 确认"
    assert shown.fields["promise_no"] == str(made.id), "the pledge's number is given, not typed"
    service.withdraw_for_entity(session, who.uploader, {who.about["organisation_id"]}, made.id, act(who.uploader))
    assert made.id not in {one.declaration_id for one in records.entity_records_of(session, who.key, clock.today())}


def test_an_organisation_declares_under_its_own_code_only(session: Session) -> None:
    here, there = (organisation(session, "partner", "演示商户", credit_code()) for _ in range(2))
    without = organisation(session, "partner", "无码演示商户")
    account = people.staff(session, "partner-manager", here).staff_id
    with pytest.raises(NoCreditCode):
        service.merchant(session, account, {without})
    with pytest.raises(WhichOrganisation):
        service.merchant(session, account, {here, there})
    with pytest.raises(NotFound):
        service.merchant(session, account, {here}, there)
    who = service.merchant(session, account, {here, there}, there)
    made = declared(session, who, "LE-SEL-01")
    assert [who.key] == service.codes_of(session, {there})
    assert ids(service.declarations(session, ENTITIES, service.codes_of(session, {there}), 9, None)) == [made.id]
    with pytest.raises(NotFound):
        service.withdraw_for_entity(session, account, {here}, made.id, act(account))
    assert service.withdraw_for_entity(session, account, {there}, made.id, act(account)).status == "withdrawn"


def test_pictures_of_a_colleague_are_not_handed_in(session: Session) -> None:
    who = merchant(session)
    request = new(session, who, "LE-SEL-01")._replace(photo_ids=(photo(session, uuid4()),))
    with pytest.raises(FieldError):
        service.declare(session, who, request, act(who.uploader))


# --- who verifies ----------------------------------------------------------------------------------------------------


def test_a_department_sees_and_decides_what_its_items_are_and_the_office_everything(session: Session) -> None:
    made = declared(session, adult(session))
    stranger = officer(session, SOURCE)
    queue = {one: desk.review_queue(session, one, 100)[0] for one in (officer(session), office(session), stranger)}
    assert [made.id in ids(items) for items in queue.values()] == [True, True, False]
    for act_of in (
        lambda: desk.show(session, stranger, made.id),
        lambda: desk.photo(session, stranger, made.id, made.photo_ids[0]),
        lambda: decide(session, stranger, made.id),
    ):
        with pytest.raises(NotFound):
            act_of()
    assert decide(session, office(session), made.id).declaration_status == "confirmed"


def test_a_namesake_that_is_no_department_decides_nothing(session: Session) -> None:
    made = declared(session, adult(session))
    where = organisation(session, "partner", OF_LABOUR)
    by = desk.Reviewer(uuid4(), (("data-officer", where),), frozenset({where}))
    with pytest.raises(NotFound):
        decide(session, by, made.id)


def test_nobody_decides_her_own_nor_whom_she_acts_for(session: Session) -> None:
    who = adult(session)
    made = declared(session, who)
    assert desk.show(session, officer(session, person=who.key), made.id).own
    with pytest.raises(OwnDeclaration):
        decide(session, officer(session, person=who.key), made.id)
    with pytest.raises(OwnDeclaration):
        decide(session, office(session, person=who.key), made.id)
    helper = officer(session)
    known = accounts.open_person(session, who.key)
    card = CardProof(known.name, known.id_number)
    clerk = delegation.Clerk(helper.account_id, "counter-clerk", None)
    delegation.start_helping(session, clerk, card, act(helper.account_id))
    with pytest.raises(OwnDeclaration):
        decide(session, helper, made.id)
    assert records.records_of(session, who.key) == []


def test_nobody_decides_what_her_own_organisation_declared(session: Session) -> None:
    person = people.resident(session).resident_id
    who = merchant(session)
    session.execute(update(StaffRow).where(StaffRow.id == who.uploader).values(resident_id=person))
    made = declared(session, who, "LE-SEL-01")
    works_there = officer(session, SOURCE, who.about["organisation_id"])
    same_code = officer(session, SOURCE, organisation(session, "partner", "同一代码的演示单位", who.key))
    same_account = officer(session, SOURCE)._replace(account_id=who.uploader)
    for by in (works_there, same_code, same_account, officer(session, SOURCE, person=person)):
        with pytest.raises(OwnDeclaration):
            decide(session, by, made.id)
    assert decide(session, officer(session, SOURCE), made.id).declaration_status == "confirmed"


def test_every_look_is_written_into_the_declarers_log(session: Session) -> None:
    who, by = adult(session), officer(session)
    made = declared(session, who)
    desk.review_queue(session, by, 100)
    shown = desk.show(session, by, made.id)
    desk.photo(session, by, made.id, made.photo_ids[0])
    decide(session, by, made.id)
    seen = [set(one.field_ids) for one in looks_of(session, who.key)]
    for fields in ({"masked_name"}, {"name", "id_number", "declaration"}, {"declaration_photo"}, {"declaration"}):
        assert fields in seen
    assert {one.authorisation_id for one in looks_of(session, who.key)} == {f"declaration:{made.id}"}
    known = accounts.open_person(session, who.key)
    assert shown.declarer == known.name and shown.id_number != known.id_number
    assert [one.value for one in shown.declaration.fields if one.name == "occupation"] == ["演示职业"]


def test_the_overdue_come_first_and_pages_follow_one_another(session: Session) -> None:
    by = officer(session, "演示来源单位")
    made = [declared(session, adult(session)) for _ in range(4)]
    late = models.queue.c.declaration_id == made[2].id
    session.execute(update(models.queue).where(late).values(due_on=clock.today() - timedelta(days=1)))
    by = office(session)
    first, more = desk.review_queue(session, by, 1)
    assert ids(first) == [made[2].id] and first[0].overdue
    seen = ids(first)
    while more is not None:
        page, more = desk.review_queue(session, by, 2, more)
        seen += ids(page)
    assert {one.id for one in made} <= set(seen) and len(seen) == len(set(seen))


# --- the end of the material -----------------------------------------------------------------------------------------


def test_material_goes_when_its_period_is_over_and_a_confirmed_one_can_still_be_revoked(session: Session) -> None:
    who, by = adult(session), officer(session)
    kept, rejected = declared(session, who), declared(session, who, number=2)
    decide(session, by, kept.id)
    decide(session, by, rejected.id, "reject", "附件看不清")
    terms = rules.terms(city.get(session, "catalogue").content)
    assert terms
    period = timedelta(days=terms.evidence_days)
    assert evidence.purge(session, clock.today() + period) == 0
    assert evidence.purge(session, clock.today() + period + timedelta(days=2)) >= 2
    assert evidence.purge(session, clock.today() + period + timedelta(days=2)) == 0
    for one in (kept, rejected):
        seen = service.declaration(session, PEOPLE, [who.key], one.id)
        assert (seen.document_no, seen.fields, seen.photo_ids) == (None, [], [])
        assert seen.decision and seen.decision.reason
    with pytest.raises(NotFound):
        files.open_image(session, who.key, kept.photo_ids[0])
    assert decide(session, by, kept.id, "revoke", "查无此证").declaration_status == "revoked"


def test_nothing_is_confirmed_when_the_item_is_gone_from_the_catalogue(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, by = declared(session, adult(session)), office(session)
    known = {code: item for code, item in catalogue.items(session).items() if code != "NP-QUA-01"}
    monkeypatch.setattr(catalogue, "items", lambda _: known)
    with pytest.raises(EvidenceGone):
        decide(session, by, made.id)


def test_what_a_person_wrote_lies_sealed(session: Session) -> None:
    who, by = adult(session), officer(session)
    made = declared(session, who, occupation="独一无二的演示职业")
    decide(session, by, made.id, "reject", "独一无二的理由")
    row = session.execute(select(models.declarations).where(models.declarations.c.id == made.id)).one()
    assert not any("独一无二" in str(value) for value in row)
    assert certificate()["document_no"] not in str(tuple(row))
