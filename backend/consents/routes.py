"""A person's consents, and who has looked at them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from backend.accounts.errors import AdultsOnly
from backend.consents import schemas, service
from backend.consents.errors import ConsentTextChanged, GuardianNeeded
from backend.kit.db import reading, transaction
from backend.kit.errors import NotFound
from backend.web import api, callers, paging
from backend.web.callers import IdentityNotBound, allow, keyed
from backend.web.problems import problems

blp = api.blueprint("consents", "同意事项与查询登记")


def _view(consent: service.Consent) -> dict[str, Any]:
    known = consent.purpose
    return dict(
        purpose=known.id, title=known.title, granted=consent.granted, granted_at=consent.granted_at,
        needs_renewal=consent.needs_renewal, text_version=known.text_version, text=known.text, basis=known.basis,
        withdrawal_effect=known.withdrawal_effect, adult_only=known.adult_only,
    )  # fmt: skip


@blp.route("/me/consents", methods=["GET"])
@allow("consents.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.ConsentView))
@problems(IdentityNotBound)
def list_consents(query: dict[str, Any]) -> dict[str, Any]:
    """我的同意事项

    每一项单独同意、随时可撤回，附现行文本及其版本。文本更新后，先前的同意不再有效（`needs_renewal`），须重新确认。
    """
    person = callers.current().person()
    with reading() as reader:
        found = service.consents(reader, person)
    return paging.part_of([_view(consent) for consent in found], query)


@blp.route("/me/consents/<purpose>", methods=["PUT"])
@allow("consents.set")
@blp.arguments(schemas.ConsentRequest)
@blp.response(200, schemas.ConsentView)
@problems(IdentityNotBound, NotFound, ConsentTextChanged, AdultsOnly, GuardianNeeded)
def set_consent(body: dict[str, Any], purpose: str) -> dict[str, Any]:
    """给出或撤回一项同意

    同意时须写明所读文本的版本；不是现行版本的答复 409，什么都不改变。撤回立即生效：撤回 `score` 时信用分、理由和
    历史在同一刻删除。重复同样的请求不产生新的记录。未满规定年龄的，由登记在册的监护人用 `On-Behalf-Of` 代为决定。
    """
    person, guardian_id = callers.current().person(), callers.current().acting_id
    with transaction() as session:
        made = service.set_consent(
            session, person, purpose, body["granted"], body["text_version"], guardian_id=guardian_id
        )
    return _view(made)


@blp.route("/me/consents/withdrawal", methods=["POST"])
@allow("consents.set")
@keyed
@blp.response(200, schemas.ConsentListView)
@problems(IdentityNotBound, NotFound)
def withdraw_consents() -> dict[str, Any]:
    """撤回全部同意

    一次撤回所有已给出的同意，立即生效，各项的后果与逐项撤回相同（见 `withdrawal_effect`）。答复为撤回后的全部事项。
    """
    person, guardian_id = callers.current().person(), callers.current().acting_id
    with transaction() as session:
        found = service.withdraw_all(session, person, callers.operation(), guardian_id=guardian_id)
    return {"items": [_view(consent) for consent in found]}


@blp.route("/me/access-log", methods=["GET"])
@allow("access-log.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.LookView))
@problems(IdentityNotBound)
def list_access_log(query: dict[str, Any]) -> dict[str, Any]:
    """谁看过我

    工作人员每次查看您的个人信息，都先登记谁、何时、看了什么、为什么、依据什么，保存十年。最近的在前。
    场馆核验券码不显示个人信息，因此不在其中。
    """
    person, limit = callers.current().person(), query["limit"]
    position = paging.decode_cursor(query["cursor"], datetime, UUID)
    with reading() as reader:
        found = service.looks(reader, person, limit + 1, (position[0], position[1]) if position else None)
    return paging.page(found, limit, lambda look: (look.at, look.id))
