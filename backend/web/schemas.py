"""Bases and strict fields for the rooms' request and response schemas."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, missing, validate
from marshmallow.utils import get_value

LARGEST_INTEGER = 2**53 - 1
"""What every JSON client can hold exactly."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Request(Schema):
    """What a caller sends: an unknown field is an error, never a shrug."""

    class Meta:
        unknown = RAISE


_PLAIN: dict[type, type] = {fields.String: str, fields.Integer: int, fields.Boolean: bool}
"""Fields whose value, when it has this very type already, is written as it is."""
_Step = tuple[str, str, type | None, Any, Any]


class View(Schema):
    """What a caller gets.

    Written as marshmallow writes it, by a plan that is made once: which key, which attribute, which field's writing.
    """

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        if any(self._hooks.values()):
            return super().dump(obj, many=many)
        if obj is not None and (self.many if many is None else many):
            return [self._written(each) for each in obj]
        return self._written(obj)

    def _written(self, obj: Any) -> dict[str, Any]:
        keyed, bare, written = type(obj) is dict, not hasattr(type(obj), "__getitem__"), {}
        for key, name, plain, write, field in self._plan:
            if field is not None:
                value = field.serialize(key, obj, accessor=self.get_attribute)
            else:
                if keyed and name in obj:
                    value = obj[name]
                else:
                    value = getattr(obj, name, missing) if bare else get_value(obj, name)
                if type(value) is not plain and value is not missing:
                    value = write(value, name, obj)
            if value is not missing:
                written[key if field is None else field.data_key or key] = value
        return written

    @cached_property
    def _plan(self) -> list[_Step]:
        return [_step(name, field) for name, field in self.dump_fields.items()]


def _step(name: str, field: fields.Field) -> _Step:
    """How one field is written; whatever is out of the ordinary is left to the field itself."""
    source = field.attribute if field.attribute is not None else name
    usual = type(field).serialize is fields.Field.serialize and type(field).get_value is fields.Field.get_value
    if not (usual and field._CHECK_ATTRIBUTE and field.dump_default is missing and "." not in source):
        return name, source, None, None, field
    plain = None if getattr(field, "as_string", False) else _PLAIN.get(type(field))
    return field.data_key if field.data_key is not None else name, source, plain, field._serialize, None


class Text(fields.String):
    """Text of bounded length. NUL, other control characters and lone surrogates are refused; ends are trimmed."""

    def __init__(self, *, most: int, least: int = 1, pattern: str | None = None, **kwargs: Any) -> None:
        checks: list[Any] = [validate.Length(min=least, max=most, error=f"长度应为 {least} 至 {most} 个字符。")]
        if pattern:
            checks.append(validate.Regexp(pattern, error="格式应为 {regex}"))
        super().__init__(validate=checks, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("应为文本。")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValidationError("含有无法编码的字符。") from None
        if _CONTROL.search(value):
            raise ValidationError("不能含有控制字符。")
        return unicodedata.normalize("NFC", value).strip()


class Whole(fields.Integer):
    """An integer within bounds; ``1.0``, ``"1"`` and ``true`` are not integers here."""

    def __init__(self, *, least: int, most: int = LARGEST_INTEGER, **kwargs: Any) -> None:
        kwargs.setdefault("strict", True)
        super().__init__(validate=validate.Range(min=least, max=most, error=f"应在 {least} 与 {most} 之间。"), **kwargs)

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("应为整数。")
        return int(value)


class QueryWhole(Whole):
    """An integer in a query string, where everything is text."""

    def _validated(self, value: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,16}", value):
            raise ValidationError("应为整数。")
        return int(value)


class Flag(fields.Boolean):
    """``true`` or ``false`` and nothing that resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("应为 true 或 false。")
        return value


class QueryFlag(fields.Boolean):
    """``true`` or ``false`` in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise ValidationError("应为 true 或 false。")
        return bool(value == "true")


class Key(fields.UUID):
    """An id: a UUID in its 36-character text form."""

    def _validated(self, value: Any) -> UUID:
        if isinstance(value, UUID):
            return value
        if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
            raise ValidationError("应为 36 个字符的 UUID。")
        return UUID(value)


class Instant(fields.AwareDateTime):
    """An instant: ISO 8601 with its offset in, UTC with ``Z`` out. Years 1900 to 2200."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not 20 <= len(value) <= 35:
            raise ValidationError("应为带时区的时间，例如 2026-03-05T08:30:00Z。")
        try:
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is None or not 1900 <= parsed.year <= 2200:
                raise ValueError
            return parsed.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("应为带时区的时间，例如 2026-03-05T08:30:00Z。") from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        instant = value if value.tzinfo is UTC else value.astimezone(UTC)
        return str(instant.isoformat().replace("+00:00", "Z"))


class Day(fields.Date):
    """A calendar day (Asia/Shanghai), ``YYYY-MM-DD``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValidationError("应为日期，例如 2026-03-05。")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("没有这一天。") from None


def one_of(*values: str) -> validate.OneOf:
    """A validator that says which values are allowed."""
    return validate.OneOf(values, error="应为下列之一：" + "、".join(values))
