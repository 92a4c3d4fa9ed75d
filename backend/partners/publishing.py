"""From a change to a version of the city's ``perks`` policy, by the verbs by which every policy is published.

What is frozen for the second person is the change itself and the version that it was shown against. The version that
it becomes is stamped when it is approved, so that an approval of next week does not begin in the past.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.approvals import policies
from backend.approvals import service as approvals
from backend.approvals.errors import ApprovalOutdated
from backend.kit import city, clock
from backend.kit.city import CityMissing, Policy
from backend.kit.db import Reader
from backend.kit.errors import FieldError
from backend.partners import rules
from backend.partners.errors import ProposalRefused

KIND = "perks"
_STAMPED = ("version", "effective_on")
Change = dict[str, list[dict[str, Any]]]


def latest(reader: Reader) -> Policy:
    """The version that a change is made to: the last to begin, be it in force or yet to come. Raises CityMissing."""
    for kept in city.kept_versions(reader):
        if kept.kind == KIND:
            return city.version(reader, KIND, kept.version)
    raise CityMissing(kind=KIND)


def is_stale(reader: Reader, approval_id: UUID) -> bool:
    """Whether the policy has changed since a proposal was frozen."""
    payload = approvals.approval(reader, approval_id).payload
    return bool(payload["base_version"] != latest(reader).version)


def candidate(reader: Reader, base: Policy, change: Change, why: str) -> dict[str, Any]:
    """The content of the version that a change to ``base`` makes, were it published today."""
    taken = {kept.version for kept in city.kept_versions(reader) if kept.kind == KIND}
    begins_on: date = base.effective_on
    return rules.dated(rules.merged(base.content, change), clock.today(), begins_on, taken, why)


def require_sound(session: Session, base: Policy, change: Change) -> None:
    """Hold a change against everything that a policy is held against; what already stands against the city's own file
    is not the proposer's. Raises FieldError for what cannot be kept at all, ProposalRefused with every problem."""
    try:
        content = city.plain(candidate(session, base, change, "检查"))
    except ValueError as error:
        raise FieldError.at("", f"无法保存：{error}"[:300], "It cannot be kept.") from None
    known = set(policies.problems_of(session, KIND, candidate(session, base, {}, "检查")))
    if problems := [one for one in policies.problems_of(session, KIND, content) if one not in known]:
        told = [one.removeprefix(f"{KIND}.toml：") for one in problems]
        raise ProposalRefused("；".join(told[:5]), problems=told)


def differences(base: Policy, change: Change) -> list[dict[str, Any]]:
    """What a change would change, item by item."""
    return policies.difference(base.content, rules.merged(base.content, change))


def prepare(session: Session, payload: dict[str, Any], approval_id: UUID) -> Any:
    """Try the publication in a savepoint and describe it. ``payload``: ``change``, ``why``, and ``told``, the lines
    that say what it is about. Raises CityRefused."""
    base = latest(session)
    wanted = {"kind": KIND, "content": candidate(session, base, payload["change"], payload["why"])}
    _, summary, changes = policies.prepare(session, wanted, approval_id)
    lines = [
        *payload["told"],
        f"批准之日发布“信易+ 优惠”（perks.toml）的新版本，接替版本 {base.version}，{_begins(base)}起执行；"
        "此前现行版本若有改变，不能批准，由办公室重新提请",
        *summary[2:],
    ]
    kept = {name: value for name, value in payload.items() if name != "told"}
    shown = [one for one in changes if one["path"] not in _STAMPED]
    return {**kept, "base_version": base.version}, lines, shown


def _begins(base: Policy) -> str:
    """From when a version holds that follows this one."""
    return f"{base.effective_on:%Y 年 %m 月 %d 日}" if base.effective_on > clock.today() else "当日"


def publish(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Publish what was approved, as a version of today. Publications take turns. Raises ApprovalOutdated, CityRefused.

    Returns ``{kind, version, effective_on}``.
    """
    city.hold(session, KIND)
    base = latest(session)
    if base.version != payload["base_version"]:
        raise ApprovalOutdated(base_version=payload["base_version"], current_version=base.version)
    content = candidate(session, base, payload["change"], payload["why"])
    told = {"kind": KIND, "content": content, "base_version": base.version}
    done: dict[str, Any] = policies.execute(session, told, UUID(int=0), UUID(int=0))
    return done
