"""Who acts for whom: registered at a counter, seen and ended by both sides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.accounts.errors import TooManyAttempts
from backend.delegation import rules, schemas, service
from backend.delegation.errors import DelegationRefused
from backend.identity.errors import IdentityNotVerified
from backend.kit.db import reading, transaction
from backend.kit.errors import FieldError, NotFound
from backend.web import api, callers, paging
from backend.web.callers import IdentityNotBound, NotDelegable, allow, keyed
from backend.web.problems import problems

blp = api.blueprint("delegation", "代办：监护人与窗口代办")
REGISTER, HELP = "delegations.register", "delegations.help"


def resolve_delegation(caller: callers.Caller, resident_id: UUID, action: str, permission: callers.Permission) -> str:
    """As what a caller may act for a resident; the access log has it before anything is read.

    Guardians sign in as residents; a helper is a clerk who still has the role. Raises NotFound and NotDelegable.
    """
    kinds: tuple[str, ...] = ()
    if caller.kind == "resident" and caller.resident_id is not None:
        kinds = (rules.GUARDIAN_OF_CHILD, rules.GUARDIAN_OF_WARD)
    elif caller.kind == "staff" and caller.organisations_for(HELP):
        kinds = (rules.HELPER,)
    if not kinds:
        raise NotFound()
    with transaction() as session:
        acts_as = service.act_for(session, caller.actor_id, resident_id, permission.title, permission.delegable, kinds)
    if acts_as is None:
        raise NotDelegable(f"不能代办：{permission.title}", f"Not for another: {action}", permission=action)
    return acts_as


def still_delegated(session: Session, caller: callers.Caller) -> bool:
    """Whether one who acts for another still may: her session, of a helper her role, and the delegation all stand, and
    do not end before this transaction has."""
    kind = "staff" if caller.acts_as == rules.ACTS_AS[rules.HELPER] else "resident"
    now = accounts.who_now(session, kind, caller.account_id, caller.session_id)
    if now is None or caller.acting_id is None or caller.resident_id is None:
        return False
    if kind == "staff" and not any(role in callers.PERMISSIONS[HELP].roles for role, _ in now.roles):
        return False
    return service.still_acts(session, caller.acting_id, caller.resident_id, caller.acts_as)


def _clerk(action: str) -> service.Clerk:
    caller = callers.current()
    where = min(caller.organisations_for(action), default=None)
    return service.Clerk(caller.account_id, caller.role_for(action), where, caller.person_id)


def _view(known: service.Delegation) -> dict[str, Any]:
    """The other side's id is told only to whoever acts."""
    return vars(known) | {"resident_id": known.resident_id if known.mine == "actor" else None}


@blp.route("/me/delegations", methods=["GET"])
@allow("delegations.read")
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.DelegationView))
@problems(IdentityNotBound)
def list_delegations(query: dict[str, Any]) -> dict[str, Any]:
    """我的代办关系

    谁可以替我办（`mine` 为 `represented`），我可以替谁办（`actor`）。有效的在前，结束的也留着。
    替人办事时，在普通接口上加请求头 `On-Behalf-Of: <resident_id>`。
    """
    person = callers.current().person()
    with reading() as reader:
        found = [_view(one) for one in service.delegations(reader, person)]
    return paging.part_of(found, query)


@blp.route("/me/delegations/<uuid:delegation_id>/end", methods=["POST"])
@allow("delegations.end")
@blp.response(200, schemas.DelegationView)
@problems(IdentityNotBound, NotFound)
def end_delegation(delegation_id: UUID) -> dict[str, Any]:
    """结束一项代办关系

    任何一方都可以，立即生效，双方都会收到消息。重复结束不改变什么。
    """
    person = callers.current().person()
    with transaction() as session:
        return _view(service.end_own(session, person, delegation_id))


@blp.route("/delegations", methods=["POST"])
@allow(REGISTER)
@keyed
@blp.arguments(schemas.GuardianRequest)
@blp.response(201, schemas.DelegationView)
@problems(FieldError, IdentityNotVerified, DelegationRefused)
def register_guardian(body: dict[str, Any]) -> dict[str, Any]:
    """窗口登记监护人

    工作人员当面核对双方的身份证和监护证明后登记。期限由城市规定，最长到被监护的孩子年满十八周岁的前一天；
    到期须重新登记。同一对人再次登记即为续期，原登记随之结束。双方和其他监护人都会收到消息。登记本身不能代办。
    """
    clerk = _clerk(REGISTER)
    guardian, represented = (service.CardProof(**body[side], at=f"/{side}") for side in ("guardian", "represented"))
    wanted = service.Guardianship(
        body["kind"], guardian, represented, body["basis"], body["document_no"], body["ends_on"]
    )
    with transaction() as session:
        return _view(service.register_guardian(session, clerk, wanted, callers.operation()))


@blp.route("/delegations/search", methods=["POST"])
@allow(REGISTER)
@blp.arguments(schemas.CardRequest)
@blp.response(200, schemas.DelegationListView)
@problems(FieldError, IdentityNotVerified)
def find_delegations(body: dict[str, Any]) -> dict[str, Any]:
    """窗口查看一个人的代办关系

    凭当面核对的身份证。先记入其“谁看过我”，再给出。
    """
    clerk = _clerk(REGISTER)
    with transaction() as session:
        found = service.find_at_counter(session, clerk, service.CardProof(**body))
        return {"items": [vars(one) for one in found]}


@blp.route("/delegations/<uuid:resident_id>/<uuid:delegation_id>/end", methods=["POST"])
@allow(REGISTER)
@blp.response(200, schemas.DelegationView)
@problems(NotFound)
def end_at_counter(resident_id: UUID, delegation_id: UUID) -> dict[str, Any]:
    """窗口结束一项代办关系

    立即生效，双方都会收到消息。
    """
    clerk = _clerk(REGISTER)
    with transaction() as session:
        return _view(service.end_at_counter(session, clerk, resident_id, delegation_id))


@blp.route("/delegations/helping", methods=["POST"])
@allow(HELP)
@keyed
@blp.arguments(schemas.HelpRequest)
@blp.response(201, schemas.DelegationView)
@problems(FieldError, IdentityNotVerified, DelegationRefused, TooManyAttempts)
def start_helping(body: dict[str, Any]) -> dict[str, Any]:
    """窗口开始替人代办

    本人站在窗口前：凭其身份证，或其手机上出示的身份码（`purpose` 为 `counter`，只能用一次）。
    三十分钟内有效（由城市规定），随时可以结束。
    此后在普通接口上加 `On-Behalf-Of`；每一次都记入本人的“谁看过我”。看信用分、给出同意不能由窗口代办。
    """
    clerk = _clerk(HELP)
    proof = service.CardProof(**body["card"], at="/card") if body["card"] else body["code"]
    with transaction() as session:
        return _view(service.start_helping(session, clerk, proof, callers.operation()))


@blp.route("/delegations/helping", methods=["GET"])
@allow(HELP)
@blp.arguments(paging.PageQuery, location="query")
@blp.response(200, paging.page_of(schemas.DelegationView))
def list_helping(query: dict[str, Any]) -> dict[str, Any]:
    """我正在窗口代办的人

    先记入各人的“谁看过我”，再给出。
    """
    clerk = _clerk(HELP)
    with transaction() as session:
        return paging.part_of([_view(one) for one in service.helping(session, clerk)], query)
