"""Ways to spoil a good request, read off its OpenAPI schema. Nothing here is random."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

HUGE = 10**400
Path = tuple[str | int, ...]
MISSING = object()

TEXTS = {
    "NUL": "a\x00b", "a control character": "a\x1bb", "a lone surrogate": "a\ud800b", "an integer": 7,
    "a float": 1.5, "a boolean": True, "an array": [], "an object": {}, "far too long": "长" * 30_000,
}  # fmt: skip
INTEGERS = {
    "text": "7", "a float": 7.0, "a fraction": 7.5, "a boolean": True, "negative": -1, "huge": HUGE,
    "hugely negative": -HUGE, "beyond 64 bits": 2**63, "infinite": float("inf"), "an array": [7], "an object": {},
}  # fmt: skip
NUMBERS = {
    "text": "7", "in other digits": "３２", "同": "同", "a boolean": True, "huge": HUGE, "infinite": float("inf"),
    "an array": [7], "an object": {},
}  # fmt: skip
FLAGS = {"text": "true", "one": 1, "nought": 0, "a float": 1.0, "an array": [], "an object": {}}
IDS = {
    **TEXTS, "no id": "x", "without hyphens": "0" * 32, "in braces": "{00000000-0000-0000-0000-000000000000}",
    "as a URN": "urn:uuid:00000000-0000-0000-0000-000000000000",
    "in other digits": "０" * 8 + "-0000-0000-0000-" + "0" * 12,
}  # fmt: skip
INSTANTS = {
    **TEXTS, "no instant": "yesterday", "without its offset": "2026-03-05T08:30:00", "a day": "2026-03-05",
    "no such day": "2026-02-30T00:00:00Z", "before all time": "0001-01-01T00:00:00+14:00",
    "after all time": "9999-12-31T23:59:59-14:00", "year 10000": "+10000-01-01T00:00:00Z",
}  # fmt: skip
OBJECTS = {"text": "x", "an integer": 7, "an array": [], "a boolean": True, "null": None}
ARRAYS = {"text": "x", "an integer": 7, "an object": {}, "a boolean": True, "of null": [None], "too many": [None] * 500}
EMOJI = ("😀", "👨‍👩‍👧‍👦🏳️‍🌈", "\u202eﷺ\u200b", "\U0010ffff\ufffe", "'; DROP TABLE people; --", "{{7*7}}${7*7}")


def resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema without its reference."""
    if "$ref" not in schema:
        return schema
    found: Any = document
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolve(found, document)


def fields(schema: Mapping[str, Any], document: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any, bool]]:
    """Every field below a schema: where it stands, its schema, whether it must be there."""
    schema = resolve(schema, document)
    for name, inner in schema.get("properties", {}).items():
        inner = resolve(inner, document)
        yield (*at, name), inner, name in schema.get("required", [])
        yield from fields(inner, document, (*at, name))
    if "items" in schema:
        inner = resolve(schema["items"], document)
        yield (*at, 0), inner, True
        yield from fields(inner, document, (*at, 0))


def objects(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Path]:
    """Every place where an object is expected."""
    yield ()
    yield from (at for at, inner, _ in fields(schema, document) if "properties" in inner)


def pointer(at: Path) -> str:
    return "".join(f"/{step}" for step in at)


def changed(body: Any, at: Path, value: object) -> Any:
    """A copy of ``body`` with ``value`` at a place; MISSING takes the field away."""
    spoiled = copy.deepcopy(body)
    holder = spoiled
    for step in at[:-1]:
        holder = holder[step]
    if value is MISSING:
        del holder[at[-1]]
    elif isinstance(holder, list) and not holder:
        holder.append(value)
    else:
        holder[at[-1]] = value
    return spoiled


def stands(body: Any, at: Path) -> bool:
    """Whether the good body holds this place, so that it can be spoiled."""
    for step in at:
        if isinstance(step, int) and not (isinstance(body, list) and body):
            return False
        if isinstance(step, str) and not (isinstance(body, dict) and step in body):
            return False
        body = body[step]
    return True


def wrong_values(schema: Mapping[str, Any]) -> dict[str, object]:
    """Values that a field of this schema can never accept, each with its name."""
    types = schema.get("type", "object" if "properties" in schema else "string")
    types = types if isinstance(types, list) else [types]
    by_format = {"uuid": IDS, "date-time": INSTANTS}
    by_type = {
        "integer": INTEGERS,
        "number": NUMBERS,
        "boolean": FLAGS,
        "object": OBJECTS,
        "array": ARRAYS,
        "string": TEXTS,
    }
    wrong: dict[str, object] = dict(by_format.get(schema.get("format", "")) or by_type[types[0]])
    if "null" not in types:
        wrong["null"] = None
    if types[0] == "string" and schema.get("minLength", 0) > 0:
        wrong |= {"empty": "", "blank": "   "}
    if "maxLength" in schema:
        wrong["one character too long"] = "长" * (schema["maxLength"] + 1)
    if "maximum" in schema:
        wrong |= {"one too much": schema["maximum"] + 1, "one too little": schema["minimum"] - 1}
    return wrong


def spoiled(body: Any, schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Path, Any]]:
    """Every spoiled copy of a good body: what was done, where, and the copy."""
    for at in objects(schema, document):
        if stands(body, at):
            for name in ("x", "__proto__", "空 格/~", "a\ud800"):
                yield f"unknown field {name!r}", (*at, name), changed(body, (*at, name), 1)
    for at, inner, required in fields(schema, document):
        if not stands(body, at[:-1]) or (isinstance(at[-1], int) and not stands(body, at)):
            continue
        for what, value in wrong_values(inner).items():
            yield what, at, changed(body, at, value)
        if required and isinstance(at[-1], str) and stands(body, at):
            yield "missing", at, changed(body, at, MISSING)


BROKEN = {
    "cut off": b'{"a": 1', "not JSON": b"code=1", "two values": b"{} {}", "NaN": b'{"a": NaN}',
    "single quotes": b"{'a': 1}",
    "Infinity": b'{"a": -Infinity}', "a name twice": b'{"a": 1, "a": 2}', "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"), "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "deep arrays": b"[" * 100_000, "deep and closed": b"[" * 50_000 + b"]" * 50_000, "deep objects": b'{"a":' * 30_000,
    "an endless number": b'{"a": ' + b"9" * 100_000 + b"}", "a trailing comma": b'{"a": 1,}', "a comment": b"{}//",
    "a raw NUL": b'{"a": "\x00"}', "only spaces": b"   ", "NUL": b"\x00", "half a surrogate": b'{"a": "\\ud8',
}  # fmt: skip
"""Bodies that cannot be read at all."""

NOT_OBJECTS = (b"[]", b'"x"', b"7", b"null", b"true", b"[{}]", b"1e999")
"""JSON, but not an object."""
