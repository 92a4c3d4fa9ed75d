"""Who may do what: one table, read in one place. ``callers`` enforces and documents it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """Who may. ``kinds`` of callers; for staff one of ``roles``. ``whose`` is said in the documentation.

    ``delegable``: as what somebody may do it for another, with ``On-Behalf-Of`` (guardian, helper).
    """

    title: str
    kinds: frozenset[str]
    roles: frozenset[str] = frozenset()
    whose: str = "本人"
    delegable: frozenset[str] = frozenset()


GUARDIAN, HELPER = "guardian", "helper"
BY_GUARDIAN, BY_BOTH = frozenset({GUARDIAN}), frozenset({GUARDIAN, HELPER})


def _resident(title: str, delegable: frozenset[str] = frozenset()) -> Permission:
    return Permission(title, frozenset({"resident"}), delegable=delegable)


def _anyone_signed_in(title: str) -> Permission:
    return Permission(title, frozenset({"resident", "staff", "device"}))


def _device(title: str) -> Permission:
    return Permission(title, frozenset({"device"}), whose="本机所属场馆")


def _staff(title: str, *roles: str, whose: str = "本单位") -> Permission:
    return Permission(title, frozenset({"staff"}), frozenset(roles), whose)


def _partner(title: str) -> Permission:
    return Permission(title, frozenset({"staff", "device"}), frozenset({"partner-manager"}), "本单位，设备限本场馆")


EVERY_ROLE = ("office", "auditor", "account-admin", "counter-clerk", "community-worker", "partner-manager",
              "data-officer", "market-manager")  # fmt: skip
"""For what every staff member does with her own account."""

PERMISSIONS: dict[str, Permission] = {
    "sessions.read": _anyone_signed_in("查看自己的会话"),
    "sessions.end": _anyone_signed_in("结束自己的会话"),
    "me.read": _anyone_signed_in("查看自己的账号"),
    "identity.bind": _resident("实名绑定"),
    "identity.recover": _resident("在新的手机或微信上找回账号"),
    "identity.lift-pause": _staff("窗口解除找回账号后的冷静期", "counter-clerk", whose="当面核对了身份证的人"),
    "messages.read": _resident("查看自己的消息", BY_GUARDIAN),
    "messages.accept": _resident("订阅微信消息"),
    "delegations.read": _resident("查看自己的代办关系"),
    "delegations.end": _resident("结束自己的代办关系"),
    "delegations.register": _staff("窗口登记和结束代办关系", "counter-clerk", whose="当面核对了身份证的人"),
    "delegations.help": _staff("窗口帮人代办", "counter-clerk", whose="站在窗口前的人"),
    "identity.vouch": _staff("窗口发放实名验证码", "counter-clerk", whose="当面核对了身份证的人"),
    "consents.read": _resident("查看自己的同意事项", BY_BOTH),
    "consents.set": _resident("给出或撤回自己的同意", BY_GUARDIAN),
    "privacy.copy": _resident("取得自己的信息副本", BY_GUARDIAN),
    "privacy.correct": _resident("更正自己的手机号和姓名"),
    "privacy.leave": _resident("退出项目并删除自己的信息"),
    "people.look": _staff("按登记的理由查看个人信息", "counter-clerk", "office", whose="所办事项的当事人"),
    "access-log.read": _resident("查看谁看过自己的信息", BY_BOTH),
    "files.upload": Permission(
        "上传图片", frozenset({"resident", "staff"}), frozenset({"partner-manager"}), delegable=BY_BOTH
    ),
    "home.read": _resident("查看首页", BY_GUARDIAN),
    "records.read_own": _resident("查看自己的信用档案", BY_GUARDIAN),
    "records.read_entities": _staff(
        "查看法人信用档案", "office", "data-officer", whose="本部门为来源单位的条目；项目办公室除须授权查询的以外"
    ),
    "records.correct": _staff("更正和撤销信用记录", "data-officer", whose="本部门为来源单位的条目"),
    "records.rename": _staff("登记法人更名", "office", whose="任何法人"),
    "declarations.declare": _resident("自主申报"),
    "declarations.declare_for_entity": _staff("为本单位自主申报", "partner-manager"),
    "declarations.review": _staff(
        "核实自主申报", "office", "data-officer", whose="本部门为来源单位的条目，项目办公室不限"
    ),
    "scores.read_own": _resident("查看自己的信用分", BY_GUARDIAN),
    "wallet.read": _resident("查看自己的积分", BY_BOTH),
    "budgets.grant": _staff("下达积分额度", "office", whose="任何单位"),
    "community.take_part": _resident("签署公约、签到、申报", BY_BOTH),
    "community.host": _staff("组织社区活动", "community-worker", whose="本社区"),
    "community.review": _staff("审核社区积分申报", "community-worker", whose="本社区"),
    "perks.redeem": _resident("兑换优惠", BY_BOTH),
    "coupons.read": _resident("查看自己的券", BY_BOTH),
    "coupons.show": _resident("出示自己的券", BY_BOTH),
    "coupons.cancel": _resident("取消自己的券", BY_BOTH),
    "coupons.reissue": _resident("换发自己的券，旧码作废", BY_BOTH),
    "coupons.extend": _staff("延长已发出的券", "office", "partner-manager", whose="本单位的优惠，项目办公室不限"),
    "presentations.show": _resident("出示身份码", BY_GUARDIAN),
    "bookings.wait": _resident("候补约满的时段、退出候补", BY_BOTH),
    "bookings.read": _resident("查看自己的时段预约和候补", BY_BOTH),
    "bookings.lift": _staff("解除时段预约的暂停", "office", whose="任何人的，与自己有关的除外"),
    "obligations.read_own": _resident("查看自己的先享后付和免押", BY_BOTH),
    "obligations.dispute": _resident("对先享后付和免押的账单提出异议", BY_BOTH),
    "obligations.read": _partner("查看先享后付和免押的账单"),
    "obligations.collect": _partner("报账、登记付清、了结和撤销"),
    "obligations.decide": _staff("决定对账单的异议", "office", whose="任何商户的，与自己有关的除外"),
    "venue.verify": _device("核验券码"),
    "venue.admit": _device("核销券码"),
    "venue.pack": _device("取离线包"),
    "parking.read_own": _resident("查看自己的车牌、授权、停车和谁问过"),
    "parking.manage_own": _resident("登记和删除自己的车牌，允许停车场询问"),
    "parking.confirm": _device("当面确认车牌"),
    "parking.operate": _device("按车牌询问停车优惠，报入场和离场"),
    "settlement.read": _staff(
        "查看结算单", "office", "auditor", "partner-manager", whose="本单位，项目办公室和审计看全部"
    ),
    "settlement.review": _staff("核对结算单：确认、提出异议", "partner-manager"),
    "settlement.office": _staff("编制结算单、决定异议、关账", "office", whose="任何合作机构"),
    "venue.report": _device("看本机的核销报表"),
    "partner.report": _staff("看本单位场馆的核销报表", "partner-manager"),
    "conflicts.answer": _staff("查看、主张和放弃离线冲突", "partner-manager"),
    "conflicts.decide": _staff("决定合作机构主张的离线冲突", "office", whose="任何合作机构，与本人无关的"),
    "credentials.read": _staff("查看自己的登录方式", *EVERY_ROLE, whose="本人"),
    "credentials.set": _staff("修改自己的密码、验证器和恢复码", *EVERY_ROLE, whose="本人"),
    "staff.read": _staff("查看工作人员账号", "account-admin", whose="任何单位"),
    "staff.invite": _staff("邀请工作人员", "account-admin", whose="任何单位，自己除外"),
    "staff.roles": _staff("设定工作人员的角色", "account-admin", whose="任何单位，自己除外"),
    "staff.suspend": _staff("停用和恢复工作人员账号", "account-admin", whose="任何单位，自己除外"),
    "staff.reset": _staff("重置工作人员的登录方式", "account-admin", whose="任何单位，自己除外"),
    "staff.sessions": _staff("查看和结束工作人员的会话", "account-admin", whose="任何单位，自己除外"),
    "staff.approve": _staff("批准工作人员上岗、角色和重置", "office", whose="他人提出的，本人除外"),
    "approvals.read": _staff("查看审批事项", "office", "auditor", whose="任何单位"),
    "approvals.decide": _staff("审批他人提出的事项", "office", whose="他人提出的"),
    "approvals.withdraw": _staff("撤回自己提出的事项", "office", whose="自己提出的"),
    "policies.read": _staff("查看城市政策", "office", "auditor", whose="本市"),
    "policies.propose": _staff("提出发布政策", "office", whose="本市"),
    "policies.approve": _staff("批准发布政策", "office", whose="他人提出的"),
    "scoring.read": _staff("查看评分办法的草稿和模拟", "office", "auditor", whose="本市"),
    "scoring.draft": _staff("上传评分办法的草稿，在全市模拟", "office", whose="本市"),
    "points.propose": _staff("提出调整和更正积分", "office", whose="任何人，本人除外"),
    "points.approve": _staff("批准调整和更正积分", "office", whose="他人提出的"),
    "exports.propose": _staff("提出导出个人信息", "office", whose="任何人"),
    "exports.approve": _staff("批准导出个人信息", "office", whose="他人提出的"),
    "exports.download": _staff("下载经批准的导出", "office", whose="自己提出的，一次"),
    "partners.read": _staff("查看合作申请和合作机构的提议", "office", "auditor", whose="本市；联系人只给项目办公室看"),
    "partners.review": _staff("审核合作申请和合作机构的提议", "office", whose="本市，自己任职的合作机构除外"),
    "partners.propose": _staff("提出本单位的优惠和场所", "partner-manager"),
    "partners.staff": _staff("为同事申请本单位的账号", "partner-manager"),
    "devices.enrol": _staff("发放设备登记码", "partner-manager", "account-admin", whose="本单位场馆，账号管理员不限"),
    "devices.read": _staff("查看设备", "partner-manager", "account-admin", whose="本单位，账号管理员不限"),
    "devices.manage": _staff(
        "改名、停用、恢复、注销设备", "partner-manager", "account-admin", whose="本单位，账号管理员不限"
    ),
    "webhooks.read": _staff("查看回调地址和发送记录", "partner-manager"),
    "webhooks.manage": _staff("登记、修改、停用回调地址，轮换密钥，重发", "partner-manager"),
    "batches.send": _staff("报送和撤回批次", "data-officer", whose="本部门是来源单位的条目"),
    "batches.read": _staff("查看批次", "data-officer", "office", whose="本单位，项目办公室不限"),
    "batches.download": _staff("下载退回的行", "data-officer", whose="本单位"),
    "batches.decide": _staff("裁定隔离的行", "office", whose="任何单位"),
    "quality.read": _staff(
        "查看数据质量", "office", "auditor", "data-officer", whose="办公室和审计看全市，部门数据专员看本单位"
    ),
    "oversight.looks": _staff("检索查询登记", "auditor", whose="全市，居民只见编号"),
    "oversight.trail": _staff("检索操作日志", "auditor", whose="全市"),
    "oversight.seals": _staff("查看封存的链", "auditor", whose="全市"),
}
"""Every action of the API. The rooms' lines stand together so that who may do what is read in one place."""

PUBLIC_READ = Permission("查看公开内容和本人能否享受", frozenset({"resident"}), delegable=BY_BOTH)
"""What the public routes are for one who acts for another."""
