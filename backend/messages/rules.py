"""What is said to whom, and how WeChat is told: pure functions over facts.

A text names nobody else in full and holds no score and no id number: it may stand on a locked screen.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

ACCOUNT, RESULT, POINTS = "account", "result", "points"
TEMPLATES = {ACCOUNT: "账号与授权的变动", RESULT: "办理结果", POINTS: "积分到期提醒"}
"""The templates that a city applies for at WeChat, and what each is for."""

MOST_UNSPENT = 10
"""Acceptances of one template that an account may hold; WeChat counts them too, and its count decides."""
RESULTS = ("accept", "reject", "ban", "filter")
"""What ``wx.requestSubscribeMessage`` says of a template."""
SEE_INBOX = "请打开小程序查看"
THING = 20
_KEY = re.compile(r"(thing|phrase|time|date|character_string)[0-9]{1,2}")
_PAGE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_/-]{0,99}")


class Kind(NamedTuple):
    """A kind of message. ``body`` is filled by name; ``template``: by which it also goes through WeChat."""

    title: str
    body: str
    link: str
    template: str


KINDS: dict[str, Kind] = {
    "account-recovered": Kind(
        "账号已转到这个微信",
        "您的账号已在这个微信上找回，原来的微信和手机不能再使用。{pause}已有的券照常可用。",
        "/me", ACCOUNT,
    ),
    "account-moved": Kind(
        "账号已在另一个微信找回",
        "原来绑定在这个微信上的账号已转到另一个微信，这里的登录和打开的码都已失效。如果不是您本人办理，"
        "请立即携带身份证到服务窗口，把账号找回来。",
        "/me/recovery", ACCOUNT,
    ),
    "pause-lifted": Kind(
        "兑换已恢复", "服务窗口核对了您的身份证，提前解除了找回账号后的冷静期，现在可以兑换。", "/me", ACCOUNT
    ),
    "looked-at": Kind(
        "有人查看过您的信息", "{day}，有工作人员或代办人查看过您的信息 {times} 次。何人、为什么，请看“谁看过我”。",
        "/me/access-log", ACCOUNT,
    ),
    "submission-approved": Kind(
        "申报已通过", "您的社区申报已审核通过，得到 {points} 积分。", "/me/submissions", RESULT
    ),
    "submission-rejected": Kind(
        "申报没有通过", "您的社区申报没有通过审核，理由见申报详情。", "/me/submissions", RESULT
    ),
    "declaration-confirmed": Kind(
        "自主申报已确认", "您的一条自主申报已经核实确认，进入信用档案，标明“自主申报”。", "/me/declarations", RESULT
    ),
    "declaration-rejected": Kind(
        "自主申报没有通过", "您的一条自主申报没有通过核实，理由见申报详情。", "/me/declarations", RESULT
    ),
    "declaration-revoked": Kind(
        "自主申报的确认已撤销", "您的一条自主申报原已确认，现被撤销，这条记录已停用，理由见申报详情。有异议可以提出。",
        "/me/declarations", RESULT,
    ),
    "coupon-extended": Kind(
        "券的有效期延长了", "您的“{title}”有效期延长到 {until}（含当日）。原因：{reason}", "/me/coupons", RESULT
    ),
    "booking-promoted": Kind(
        "候补轮到您了", "您候补的“{title}”{slot} 有了空位，已为您兑换，{cost}。{back}。", "/me/coupons", RESULT
    ),
    "booking-skipped": Kind(
        "候补轮到过您", "“{title}”{slot} 轮到您时，您暂不符合条件、积分不足或价格已变，已轮到下一位。您的次序保留，"
        "符合后再有空位时仍会先考虑您。",
        "/me/waiting", RESULT,
    ),
    "booking-missed": Kind(
        "预约的时段没有到场", "您预约的“{title}”{slot} 没有到场记录。{days} 天内这个场景未到 {count} 次，"
        "满 {strikes} 次暂停预约 {pause_days} 天。用不上请在开始前取消。与信用评价无关；到过场的请联系项目办公室。",
        "/me/missed-slots", RESULT,
    ),
    "booking-paused": Kind(
        "时段预约暂停了", "您预约的“{title}”{slot} 没有到场记录，{days} 天内这个场景已未到 {count} 次，"
        "暂停预约这个场景的时段到 {until}。其他优惠照常，与信用评价无关；其实到过场的，请联系项目办公室。",
        "/me/missed-slots", RESULT,
    ),
    "booking-pause-lifted": Kind(
        "时段预约恢复了", "项目办公室解除了您的时段预约暂停，未到的记录已清除，现在可以预约。",
        "/me/missed-slots", RESULT,
    ),
    "obligation-charged": Kind(
        "商户报来一笔应付款", "{partner_name} 的“{title}”应付 {amount}，请在 {due} 前直接付给商户。"
        "对金额有异议的可以提出。这件事与信用评价无关。",
        "/me/obligations", RESULT,
    ),
    "obligation-due-soon": Kind(
        "付款期限快到了", "{partner_name} 的“{title}”应付 {amount}，期限是 {due}。已经付过的，请商户登记。",
        "/me/obligations", RESULT,
    ),
    "obligation-arrears": Kind(
        "付款已逾期", "{partner_name} 的“{title}”应付 {amount}，已在 {due} 到期。付清以前，只暂停兑换新的“{perk}”优惠，"
        "付清即恢复；其他优惠照常，与信用评价无关。",
        "/me/obligations", RESULT,
    ),
    "obligation-settled": Kind(
        "应付款已付清", "{partner_name} 已登记“{title}”的 {amount} 付清，没有后续事项。", "/me/obligations", RESULT
    ),
    "obligation-released": Kind(
        "已了结，无须付款", "{partner_name} 的“{title}”没有要您付款的事项，已经了结。", "/me/obligations", RESULT
    ),
    "obligation-withdrawn": Kind(
        "应付款已撤销", "{partner_name} 的“{title}”已经撤销，您无须付款。", "/me/obligations", RESULT
    ),
    "obligation-upheld": Kind(
        "异议已有决定",
        "您对 {partner_name} 的“{title}”提出的异议已有决定：应付 {amount}，请在 {due} 前付清。理由见详情。",
        "/me/obligations", RESULT,
    ),
    "obligation-cancelled": Kind(
        "异议已有决定", "您对 {partner_name} 的“{title}”提出的异议已有决定：账单取消，您无须付款。理由见详情。",
        "/me/obligations", RESULT,
    ),
    "plate-moved": Kind(
        "一块车牌不再是您的", "您登记的一块车牌已在停车场由另一位居民当面确认，您名下的这块已结束。"
        "如果车仍是您的，请在停车场重新确认。",
        "/me/plates", ACCOUNT,
    ),
    "delegation-registered": Kind(
        "代办关系已登记", "{who}的代办关系已由服务窗口登记，有效至 {until}。如有不对，可随时在“代办”里结束。",
        "/me/delegations", ACCOUNT,
    ),
    "delegation-ended": Kind(
        "代办关系已结束", "{who}的代办关系已结束，从现在起不能再代办。", "/me/delegations", ACCOUNT
    ),
    "points-ending": Kind(
        "积分即将到期", "您有 {points} 积分可用到 {day}（含当日），{left}，过后失效。可在“优惠”里换物品和服务。",
        "/me/wallet", POINTS,
    ),
}  # fmt: skip


def text(kind: str, facts: dict[str, Any]) -> tuple[str, str, str]:
    """Title, body and link of a message. Raises KeyError for an unknown kind or a missing fact."""
    known = KINDS[kind]
    return known.title, known.body.format(**facts), known.link


def template_fields(known: dict[str, Any], title: str, at: str) -> dict[str, str]:
    """A template's keys and values. ``thing`` takes 20 characters; nothing of the message's body is told."""
    found = {known["title_key"]: title[:THING], known["time_key"]: at}
    if note := known.get("note_key"):
        found[note] = SEE_INBOX
    return found


def lint_templates(templates: Any) -> list[str]:
    """What is wrong with ``[messages.templates]``; none at all is fine: then the inbox tells."""
    if not isinstance(templates, dict):
        return ["messages.templates 应为若干个表"]
    return [problem for name, known in templates.items() for problem in _lint_one(name, known)]


def _lint_one(name: str, known: Any) -> list[str]:
    at = f"messages.templates.{name}"
    if name not in TEMPLATES or not isinstance(known, dict):
        return [f"{at}：只有 {'、'.join(TEMPLATES)}"]
    problems = []
    if not isinstance(known.get("id"), str) or not 1 <= len(known["id"]) <= 128:
        problems.append(f"{at}.id 应为 1 至 128 个字符的模板编号")
    for key in ("title_key", "time_key", "note_key"):
        value = known.get(key, "" if key == "note_key" else None)
        if value != "" and not (isinstance(value, str) and _KEY.fullmatch(value)):
            problems.append(f"{at}.{key} 应为模板里的字段，如 thing1、time2")
    if not isinstance(known.get("page", ""), str) or (known.get("page") and not _PAGE.fullmatch(known["page"])):
        problems.append(f"{at}.page 应为小程序页面，不带开头的斜杠")
    return problems
