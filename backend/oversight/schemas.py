"""Bodies of the oversight routes."""

from __future__ import annotations

from marshmallow import fields

from backend.web.paging import PageQuery
from backend.web.schemas import Instant, Key, Text, View


class TimesQuery(PageQuery):
    """``from_at`` is included, ``until_at`` is not."""

    from_at = Instant(load_default=None, metadata={"description": "起（含）"})
    until_at = Instant(load_default=None, metadata={"description": "止（不含）"})


class LooksQuery(TimesQuery):
    resident_id = Key(load_default=None)
    actor_id = Key(load_default=None)
    organisation_id = Key(load_default=None)
    purpose = Text(most=120, load_default=None, metadata={"description": "用途的全文"})


class TrailQuery(TimesQuery):
    actor_id = Key(load_default=None)
    action = Text(most=80, load_default=None, pattern=r"[a-z0-9._-]+\Z")
    subject_kind = Text(most=40, load_default=None, pattern=r"[a-z0-9._-]+\Z")
    subject_id = Text(most=80, load_default=None, pattern=r"[A-Za-z0-9._:/-]+\Z")


class LookFoundView(View):
    """One look at a person's data. The person is a pseudonymous id; ``batch`` is the seal that covers the line."""

    id = fields.UUID(required=True)
    at = Instant(required=True)
    resident_id = fields.UUID(required=True)
    actor_id = fields.UUID(required=True)
    role = fields.String(required=True)
    organisation_id = fields.UUID(required=True, allow_none=True)
    organisation = fields.String(required=True, allow_none=True)
    purpose = fields.String(required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    basis = fields.String(required=True)
    authorisation = fields.String(required=True, allow_none=True)
    role_name = fields.String(required=True)
    field_words = fields.List(fields.String(), required=True)
    authorisation_words = fields.String(required=True, allow_none=True)
    batch = fields.Integer(required=True, allow_none=True)


class ActView(View):
    """One act of staff. ``detail`` holds ids and figures."""

    id = fields.UUID(required=True)
    at = Instant(required=True)
    actor_id = fields.UUID(required=True)
    role = fields.String(required=True)
    action = fields.String(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.String(required=True)
    detail = fields.Dict(required=True)
    batch = fields.Integer(required=True, allow_none=True)


class SealView(View):
    """One seal. The statement is every member but ``seal`` and ``signature``, exactly."""

    number = fields.Integer(required=True)
    version = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"description": "rows：一批行；closing：一批行按保存年限销毁"})
    count = fields.Integer(required=True)
    complete = fields.Boolean(required=True, metadata={"description": "封存之后没有留下未封存的行"})
    root = fields.String(required=True)
    previous = fields.String(required=True)
    sealed_at = fields.String(required=True)
    kid = fields.String(required=True)
    tables = fields.Dict(metadata={"description": "各表的行数、起止时间和树根"})
    closes = fields.Dict(metadata={"description": "销毁的表、批次、行数和保存年限"})
    seal = fields.String(required=True)
    signature = fields.String(required=True)


class WaitingView(View):
    """What no seal covers yet."""

    rows = fields.Integer(required=True)
    oldest_at = Instant(required=True, allow_none=True)


class SealsView(View):
    """A page of seals, the newest first, and what waits for the next one."""

    items = fields.List(fields.Nested(SealView), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    waiting = fields.Nested(WaitingView, required=True)
