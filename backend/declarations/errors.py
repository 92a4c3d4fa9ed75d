"""Refusals of declarations."""

from __future__ import annotations

from backend.kit.errors import DomainError


class DeclarationsClosed(DomainError):
    slug = "declarations-closed"
    status = 409
    title_zh = "本市还没有开放自主申报"
    title_en = "The city takes no declarations yet"
    explain_zh = "公共信用信息目录现行版本没有自主申报的承诺书。请留意本市的通知。"
    explain_en = "The catalogue in force has no pledge for declarations."


class PledgeChanged(DomainError):
    """Member: ``version``, of the text in force."""

    slug = "declaration-pledge-changed"
    status = 409
    title_zh = "真实性承诺书已有新版本"
    title_en = "The pledge of truthfulness has a newer version"
    explain_zh = "version 是现行版本。请重新读取承诺书，读过后再提交；什么都没有记下。"
    explain_en = "`version` is in force. Fetch the pledge again, read it and send anew; nothing was kept."


class AlreadyDeclared(DomainError):
    """Members: ``declaration_id``, ``declaration_status``."""

    slug = "already-declared"
    status = 409
    title_zh = "这份文书您已申报"
    title_en = "You have declared this document already"
    explain_zh = "同一条目、同一文书编号同时只有一条申报；未通过或已撤回的可以重新申报。"
    explain_en = (
        "One open or confirmed declaration per item and document; a rejected or withdrawn one may be made anew."
    )


class TooManyDeclarations(DomainError):
    """Members: ``most`` and ``limit``, which is ``open`` or ``day``."""

    slug = "too-many-declarations"
    status = 409
    title_zh = "申报太多"
    title_en = "Too many declarations"
    explain_zh = "limit 为 open：待核实的已有 most 条，请等核实一部分；limit 为 day：今天已申报 most 条，请明天再来。"
    explain_en = "`limit` open: `most` await verification; day: `most` were made today."


class NoCreditCode(DomainError):
    slug = "organisation-without-code"
    status = 409
    title_zh = "本单位没有登记统一社会信用代码"
    title_en = "The organisation has no unified social credit code"
    explain_zh = "自主申报归入统一社会信用代码名下的档案。请先请账号管理员登记本单位的代码。"
    explain_en = "A declaration goes into the archive of a unified social credit code; have it registered first."


class WhichOrganisation(DomainError):
    """Member: ``organisation_ids``."""

    slug = "organisation-needed"
    status = 409
    title_zh = "请说明代表哪个单位"
    title_en = "Say for which organisation"
    explain_zh = "您在不止一个单位任职，请在请求中给出 organisation_id。"
    explain_en = "You work for more than one organisation; give `organisation_id`."


class OwnDeclaration(DomainError):
    slug = "own-declaration"
    status = 403
    title_zh = "不能核实自己的申报"
    title_en = "You may not decide your own declaration"
    explain_zh = "申报人本人、其监护人或代办人、申报单位的人员，都不能作出决定，请由同事办理。"
    explain_en = (
        "Neither the declarer, nor who acts or acted for her, nor the declaring organisation's staff may decide."
    )


class DeclarationDecided(DomainError):
    """Member: ``declaration_status``."""

    slug = "declaration-not-open"
    status = 409
    title_zh = "这条申报现在不能这样处理"
    title_en = "The declaration does not stand so that this can be done"
    explain_zh = (
        "declaration_status 是现在的状态：待核实的可以确认、不予确认或撤回；已确认的可以撤销或撤回；其余不再变更。"
    )
    explain_en = (
        "`declaration_status` is how it stands: pending may be confirmed, rejected or withdrawn; confirmed may be "
        "revoked or withdrawn; nothing else changes."
    )


class EvidenceGone(DomainError):
    slug = "declaration-evidence-gone"
    status = 409
    title_zh = "申报材料已按期删除"
    title_en = "What was declared has been deleted on time"
    explain_zh = "材料过了保存期，不能据以作出决定。"
    explain_en = "The material is past its period; nothing can be decided on it."
