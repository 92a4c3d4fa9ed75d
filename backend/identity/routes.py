"""Becoming somebody, and the counters that vouch for it."""

from __future__ import annotations

from typing import Any

from backend.accounts.errors import TooManyAttempts
from backend.accounts.schemas import MeView
from backend.identity import schemas, service
from backend.identity.errors import IdentityAlreadyBound, IdentityNotVerified, ProofKindUnavailable
from backend.kit import deadline, trail
from backend.kit.db import reading, transaction
from backend.kit.errors import DomainError, FieldError, NotFound
from backend.web import api, callers
from backend.web.callers import allow
from backend.web.problems import problems
from backend.wechat import errors as wechat

blp = api.blueprint("identity", "实名绑定与服务窗口")
WECHAT_DOWN = (wechat.WechatUnavailable, wechat.WechatTooFrequent, wechat.WechatNotConfigured)


@blp.route("/me/identity", methods=["PUT"])
@allow("identity.bind")
@blp.arguments(schemas.IdentityRequest)
@blp.response(200, MeView)
@problems(IdentityNotVerified, IdentityAlreadyBound, ProofKindUnavailable, TooManyAttempts, *WECHAT_DOWN)
def bind_identity(body: dict[str, Any]) -> dict[str, Any]:
    """实名绑定

    把当前微信账号绑定到一个人。`proof.kind`：`wechat_phone`（微信手机号按钮给出的 code，手机号须是本人实名登记的）、
    `counter_code`（服务窗口核对身份证后给出的验证码）、`government`（政务统一身份认证的凭证，接入后可用）。
    无论哪一项不符，答复都是同一个 `identity-not-verified`。每个账号 24 小时内最多 5 次，每个身份证号最多 10 次。
    绑定后原来的令牌继续有效，下一个请求起即为本人。
    """
    caller = callers.current()
    kind, value = body["proof"]["kind"], body["proof"]["value"]
    claim = service.Claim.of(body["name"], body["id_number"])
    with transaction() as session:
        service.count_binding(session, caller.account_id, claim, kind)
    proof = _checked_proof(caller, claim, kind, value)
    with transaction() as session:
        resident_id = service.bind_identity(session, caller.account_id, claim, proof)
        return service.me(session, caller.account_id, caller.session_id, resident_id)


def _checked_proof(caller: callers.Caller, claim: service.Claim, kind: str, value: str) -> service.CheckedProof:
    """The proof of a claim to bind; none is needed by whoever is that person already."""
    with reading() as reader:
        if caller.resident_id is not None:
            service.already_bound(reader, caller.resident_id, claim)
            return service.CheckedProof()
        openid = service.openid_of_account(reader, caller.account_id)
    return _asked(caller, openid, claim, kind, value)


def _asked(caller: callers.Caller, openid: str, claim: service.Claim, kind: str, value: str) -> service.CheckedProof:
    """Ask outside any transaction; give the attempt back when another's system could not be asked."""
    try:
        return service.check_proof(openid, claim, kind, value)
    except IdentityNotVerified:
        raise
    except DomainError:
        deadline.grace()
        with transaction() as session:
            service.uncount_binding(session, caller.account_id, claim, kind)
        raise


@blp.route("/me/recovery", methods=["POST"])
@allow("identity.recover")
@blp.arguments(schemas.IdentityRequest)
@blp.response(200, schemas.RecoveryView)
@problems(IdentityNotVerified, IdentityAlreadyBound, ProofKindUnavailable, TooManyAttempts, *WECHAT_DOWN)
def recover_account(body: dict[str, Any]) -> dict[str, Any]:
    """换了手机或微信，找回账号

    用新的、尚未绑定的微信登录后调用；证明方式与实名绑定相同，次数合并计算。通过后账号立即转到当前微信：
    原来的微信不再绑定，两个微信的全部会话立即结束，旧手机上打开的码全部失效；答复给出新的令牌，请改用它们。
    此后有一段冷静期不能兑换（`spending_paused_until`，由城市规定），已有的券照常可用。新旧两个微信都会收到通知。
    无论哪一项不符，答复都是同一个 `identity-not-verified`。
    """
    caller = callers.current()
    kind, value = body["proof"]["kind"], body["proof"]["value"]
    claim = service.Claim.of(body["name"], body["id_number"])
    with transaction() as session:
        service.count_binding(session, caller.account_id, claim, kind)
    if caller.resident_id is not None:
        raise IdentityAlreadyBound()
    with reading() as reader:
        held = service.holder_of_claim(reader, claim)
        openid = service.openid_of_account(reader, caller.account_id)
    proof = _asked(caller, openid, claim, kind, value)
    with transaction() as session:
        grant = service.recover_account(session, caller.account_id, claim, held, proof)
        trail.note(session, caller.account_id, caller.kind, "identity.recover", "person", grant.who.resident_id)
        me = service.me(session, grant.who.account_id, grant.who.session_id, grant.who.resident_id)
        return service.tokens_view(session, grant) | {"spending_paused_until": me["spending_paused_until"]}


@blp.route("/identity/pauses/lift", methods=["POST"])
@allow("identity.lift-pause")
@blp.arguments(schemas.PauseLiftRequest)
@blp.response(204)
@problems(FieldError, NotFound)
def lift_pause(body: dict[str, Any]) -> None:
    """窗口提前解除冷静期

    工作人员当面核对身份证后办理。记入本人的“谁看过我”和操作日志，并通知本人。没有冷静期、姓名不符或没有这个人，
    答复都是 404。
    """
    caller = callers.current()
    role = caller.role_for("identity.lift-pause")
    organisation_id = min(caller.organisations_for("identity.lift-pause"), default=None)
    with transaction() as session:
        who = service.lift_pause(session, body["name"], body["id_number"], caller.account_id, role, organisation_id)
        trail.note(session, caller.account_id, role, "identity.lift-pause", "person", who)


@blp.route("/identity/counter-codes", methods=["POST"])
@allow("identity.vouch")
@blp.arguments(schemas.CounterCodeRequest)
@blp.response(201, schemas.CounterCodeView)
@problems(FieldError)
def issue_counter_code(body: dict[str, Any]) -> dict[str, Any]:
    """窗口发放实名验证码

    工作人员当面核对身份证后发放，只对这个姓名和身份证号有效，15 分钟内用一次。发放记入操作日志，日志不含姓名和号码。
    """
    caller = callers.current()
    with transaction() as session:
        code, expires_at = service.issue_counter_code(session, body["name"], body["id_number"], caller.account_id)
        role = caller.role_for("identity.vouch")
        trail.note(session, caller.account_id, role, "identity.vouch", "counter-code", "", {})
        return dict(code=code, expires_at=expires_at)
