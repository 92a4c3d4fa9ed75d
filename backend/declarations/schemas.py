"""What the routes of declarations take and give."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from backend.web.schemas import LARGEST_INTEGER, Day, Instant, Key, Request, Text, View, one_of

MOST_PHOTOS, MOST_FIELDS, MOST_VALUE = 9, 60, 2000
SUBJECTS = ["natural_person", "legal_entity"]
STATUSES = ["pending", "confirmed", "rejected", "withdrawn", "revoked"]
DECISIONS = ["confirm", "reject", "revoke"]


# --- asked -----------------------------------------------------------------------------------------------------------


class ColumnsField(fields.Dict):
    """The item's columns by name: texts and whole numbers, nothing within them."""

    def __init__(self, **kwargs: Any) -> None:
        example = {"document_no": "演示〔2026〕1号", "decided_on": "2026-03-05", "authority": "演示单位"}
        super().__init__(metadata={"example": example, "maxProperties": MOST_FIELDS,
                                   "additionalProperties": {"type": ["string", "integer"]}}, **kwargs)  # fmt: skip
        self._text = Text(least=0, most=MOST_VALUE)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("应为一个对象，每列一个值。")
        if len(value) > MOST_FIELDS:
            raise ValidationError(f"最多 {MOST_FIELDS} 列。")
        taken: dict[str, Any] = {}
        wrong: dict[str, list[str]] = {}
        for name, given in value.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name, re.ASCII):
                raise ValidationError("列名应为小写字母、数字和下划线。")
            try:
                taken[name] = self._taken(given)
            except ValidationError as error:
                wrong[name] = [str(message) for message in error.messages]
        if wrong:
            raise ValidationError(wrong)
        return taken

    def _taken(self, given: Any) -> str | int:
        if type(given) is int:
            if abs(given) > LARGEST_INTEGER:
                raise ValidationError("数太大。")
            return given
        text: str = self._text.deserialize(given)
        return text


class DeclarationRequest(Request):
    """What is declared. ``fields``: the columns of the item, as ``GET /catalogue/self-declarable`` lists them.

    ``pledge_version``: of the pledge that was shown and accepted.
    """

    item_code = Text(most=40, required=True)
    fields_ = ColumnsField(required=True, data_key="fields", attribute="fields")
    pledge_version = Text(most=40, required=True)
    photo_ids = fields.List(
        Key(), required=True,
        validate=validate.Length(min=1, max=MOST_PHOTOS, error=f"附件为 1 至 {MOST_PHOTOS} 张图片。"),
    )  # fmt: skip

    @validates_schema
    def no_photo_twice(self, data: dict[str, Any], **_: object) -> None:
        if len(set(data.get("photo_ids", []))) != len(data.get("photo_ids", [])):
            raise ValidationError("同一张图片只需给一次。", "photo_ids")


class EntityDeclarationRequest(DeclarationRequest):
    """``organisation_id`` may be left out by whoever works for one organisation only."""

    organisation_id = Key(load_default=None)


class DeclarationDecisionRequest(Request):
    """``revoke``: the confirmation proved wrong. ``reason`` is what the declarer will read."""

    decision = fields.String(required=True, validate=one_of(*DECISIONS))
    reason = Text(least=2, most=200, required=True)


# --- answered --------------------------------------------------------------------------------------------------------


class DeclarationPledgeView(View):
    """The pledge of truthfulness that a declarer accepts."""

    subject = fields.String(required=True, metadata={"enum": SUBJECTS})
    version = fields.String(required=True)
    title = fields.String(required=True)
    text = fields.String(required=True)


class DeclarableColumnView(View):
    """A column to fill in. ``values``: where the column takes only these."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    type = fields.String(required=True)
    required = fields.Boolean(required=True)
    values = fields.List(fields.String(), required=True)
    longest = fields.Integer(required=True)


class DeclarableView(View):
    """An item of the catalogue that may be declared."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    subject = fields.String(required=True, metadata={"enum": SUBJECTS})
    category = fields.String(required=True)
    legal_basis = fields.String(required=True)
    source_departments = fields.List(fields.String(), required=True)
    may_feed_score = fields.Boolean(required=True)
    fields_ = fields.List(fields.Nested(DeclarableColumnView), required=True, data_key="fields", attribute="fields")


class DeclarablePage(View):
    """What may be declared, and with which pledge. Both lists are empty where the city takes no declarations."""

    items = fields.List(fields.Nested(DeclarableView), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    pledges = fields.List(fields.Nested(DeclarationPledgeView), required=True)


class DeclaredColumnView(View):
    name = fields.String(required=True)
    title = fields.String(required=True)
    value = fields.Raw(required=True, metadata={"description": "文本或整数"})


class DeclarationDecisionView(View):
    """``decided_by``: the organisation that verified."""

    decision = fields.String(required=True, metadata={"enum": DECISIONS[:2]})
    reason = fields.String(required=True, allow_none=True)
    decided_by = fields.String(required=True)
    decided_at = Instant(required=True)


class DeclarationEndingView(View):
    """``withdrawn`` by the declarer, or ``revoked`` by those who verify, with their reason."""

    kind = fields.String(required=True, metadata={"enum": ["withdrawn", "revoked"]})
    reason = fields.String(required=True, allow_none=True)
    ended_at = Instant(required=True)


class DeclarationView(View):
    """A declaration. It counts for nothing until it is ``confirmed``; ``record_id`` is what it became then.

    ``document_no``, ``decided_on`` are null and ``fields`` empty once the material was deleted on time.
    """

    id = fields.UUID(required=True)
    self_declared = fields.Boolean(required=True)
    subject = fields.String(required=True, metadata={"enum": SUBJECTS})
    item_code = fields.String(required=True)
    item_title = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": STATUSES})
    status_text = fields.String(required=True)
    title = fields.String(required=True)
    document_no = fields.String(required=True, allow_none=True)
    decided_on = Day(required=True, allow_none=True)
    fields_ = fields.List(fields.Nested(DeclaredColumnView), required=True, data_key="fields", attribute="fields")
    photo_ids = fields.List(fields.UUID(), required=True)
    declared_at = Instant(required=True)
    due_on = Day(required=True, metadata={"description": "应当作出决定的最后一天"})
    overdue = fields.Boolean(required=True)
    pledge_version = fields.String(required=True)
    record_id = fields.UUID(required=True, allow_none=True)
    decision = fields.Nested(DeclarationDecisionView, required=True, allow_none=True)
    ending = fields.Nested(DeclarationEndingView, required=True, allow_none=True)


class DeclarationQueueItemView(View):
    """What awaits a decision. ``declarer``: a person's masked name or a legal entity's."""

    id = fields.UUID(required=True)
    subject = fields.String(required=True, metadata={"enum": SUBJECTS})
    declarer = fields.String(required=True)
    entity_code = fields.String(required=True, allow_none=True)
    item_code = fields.String(required=True)
    item_title = fields.String(required=True)
    declared_at = Instant(required=True)
    due_on = Day(required=True)
    overdue = fields.Boolean(required=True)


class DeclarationShownView(View):
    """A declaration as those who verify see it: a person's name in full, her id number masked.

    ``own``: the caller stands on the declarer's side and may not decide; ``decisions``: what may be decided now.
    """

    declaration = fields.Nested(DeclarationView, required=True)
    declarer = fields.String(required=True)
    id_number = fields.String(required=True, allow_none=True)
    entity_code = fields.String(required=True, allow_none=True)
    legal_basis = fields.String(required=True)
    may_feed_score = fields.Boolean(required=True)
    photos = fields.List(fields.String(), required=True)
    pledge_title = fields.String(required=True)
    pledge_text = fields.String(required=True)
    decisions = fields.List(fields.String(metadata={"enum": DECISIONS}), required=True)
    own = fields.Boolean(required=True)


class DeclarationDecidedView(View):
    """What stands after a decision."""

    declaration_id = fields.UUID(required=True)
    declaration_status = fields.String(required=True, metadata={"enum": STATUSES})
    status_text = fields.String(required=True)
    record_id = fields.UUID(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    at = Instant(required=True, allow_none=True)
