"""While maintenance is on, nothing that comes over HTTP writes."""

from __future__ import annotations

from flask import has_request_context

from backend.kit import clock, db, maintenance
from backend.kit.errors import DomainError


class ReadOnly(DomainError):
    slug = "read-only"
    status = 503
    title_zh = "系统维护中，暂时只能查看"
    title_en = "Under maintenance: read-only for a while"
    explain_zh = (
        "查看和核验照常；凡要改动数据的请求都没有执行。请保留这次请求（连同 Idempotency-Key），按 Retry-After "
        "的秒数之后原样重发；核销设备请把离线核销留在本机，维护结束后再上传。until 是预计结束时间。"
    )
    explain_en = (
        "Reading and verifying go on; what would have changed data was not carried out. Keep the request with its "
        "Idempotency-Key and repeat it unchanged after Retry-After seconds. Devices keep their offline admissions and "
        "upload them afterwards. `until` is when it is expected to end."
    )


def install() -> None:
    """Ask before every transaction of a request. Commands and the worker are not asked."""
    db.guard(_refuse_writes)


def _refuse_writes() -> None:
    if not has_request_context():
        return
    notice = maintenance.noticed()
    if notice is None:
        return
    until = {"until": notice.until_at.isoformat().replace("+00:00", "Z")} if notice.until_at else {}
    error = ReadOnly(notice.message, **until)
    error.headers["Retry-After"] = str(notice.retry_seconds(clock.now()))
    raise error
