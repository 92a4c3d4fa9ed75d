"""Why a device is not enrolled."""

from __future__ import annotations

from backend.kit.errors import DomainError


class EnrolmentRefused(DomainError):
    """One answer for a code that is unknown, used, over or withdrawn, and for a signature that is not the key's."""

    slug = "enrolment-refused"
    status = 403
    title_zh = "登记未通过"
    title_en = "The enrolment was refused"
    explain_zh = (
        "登记码不对、已用过或已过期（30 分钟），或者签名不是用这把钥匙、对这个登记码和本站地址所作；不说明是哪一项。"
        "请向管理员要一个新的登记码。"
    )
    explain_en = (
        "The code is wrong, used or over (30 minutes), or the signature is not this key's over this code and this "
        "site's address; which of these is not said. Ask for a new code."
    )
