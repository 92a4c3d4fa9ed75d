"""Bodies of the consent routes."""

from __future__ import annotations

from marshmallow import fields

from backend.web.schemas import Flag, Instant, Request, Text, View


class ConsentView(View):
    """One purpose. ``text`` is what ``text_version`` names; ``granted`` counts only for that text."""

    purpose = fields.String(required=True)
    title = fields.String(required=True)
    granted = fields.Boolean(required=True)
    granted_at = Instant(required=True, allow_none=True)
    needs_renewal = fields.Boolean(required=True, metadata={"description": "同意过较早的文本，须重新确认"})
    text_version = fields.String(required=True)
    text = fields.String(required=True)
    basis = fields.String(required=True)
    withdrawal_effect = fields.String(required=True)
    adult_only = fields.Boolean(required=True)


class ConsentListView(View):
    """Every purpose."""

    items = fields.List(fields.Nested(ConsentView), required=True)


class ConsentRequest(Request):
    """``text_version``: of the text that was read. It is needed to agree; a withdrawal may leave it out."""

    granted = Flag(required=True)
    text_version = Text(most=40, load_default=None, allow_none=True)


class LookView(View):
    """``fields``: the data looked at, in Chinese; ``field_ids``: the same for programs. ``organisation``: on whose
    behalf. ``basis``: the law, the consent or the case that allowed it; ``authorisation``: the document or case number,
    or that the person was there, in words; ``authorisation_id``: the same for programs, ``kind:number``."""

    id = fields.UUID(required=True)
    at = Instant(required=True)
    actor = fields.String(required=True)
    role = fields.String(required=True)
    organisation = fields.String(required=True, allow_none=True)
    purpose = fields.String(required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    field_ids = fields.List(fields.String(), required=True)
    basis = fields.String(required=True)
    authorisation = fields.String(
        required=True, allow_none=True, metadata={"description": "凭哪一份授权：文书号、案号、代办登记、审批或本人在场"}
    )
    authorisation_id = fields.String(
        required=True, allow_none=True, metadata={"description": "同一授权的 `类别:编号`，供程序使用"}
    )
