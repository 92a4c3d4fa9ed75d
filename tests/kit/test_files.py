"""Pictures: taken by content, judged before decoding, stripped to pixels, stored privately and whole."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from backend.kit import clock, files
from backend.kit.db import Base
from backend.kit.errors import NotFound
from backend.kit.files import DiskStore, ImageTooLarge, NotAnImage, StoredFile

OWNER, OTHER = uuid4(), uuid4()
LIMITS = {"max_bytes": 2_000_000, "max_pixels": 4_000_000}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    before = files._bound
    store = DiskStore(tmp_path / "files")
    files.bind(store)
    yield store
    files.bind(before)


@pytest.fixture
def rows() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine, tables=[StoredFile.__table__])  # type: ignore[list-item]
    with Session(engine) as session:
        yield session
    engine.dispose()


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    image = Image.new(mode, size)
    for x in range(size[0]):
        image.putpixel((x, 0), (255,) * len(image.getbands()) if mode != "P" and mode != "L" else 255)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def phone_photo() -> bytes:
    """A photograph with a place, a camera, a comment, a colour profile, lying on its side."""
    image = Image.new("RGB", (80, 40), "red")
    image.paste("blue", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    exif[0x010F] = "SecretCameraMaker"
    exif.get_ifd(0x8825)[2] = (31.0, 57.0, 12.5)  # GPS latitude
    exif.get_ifd(0x8825)[29] = "2026:05:01"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"SecretComment", icc_profile=b"SecretProfile" * 20, dpi=(301, 301))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_saved_and_opened_by_its_owner(store: DiskStore, rows: Session, kind: str) -> None:
    file_id = files.save_image(rows, OWNER, io.BytesIO(picture(kind)), **LIMITS)
    media_type, content = files.open_image(rows, OWNER, file_id)
    with Image.open(io.BytesIO(content)) as image:
        assert (media_type, image.format, image.size, image.mode) == ("image/webp", "WEBP", (60, 40), "RGB")


def test_nothing_but_upright_pixels_remains() -> None:
    given_bytes = phone_photo()
    assert b"SecretCameraMaker" in given_bytes and b"SecretProfile" in given_bytes
    clean = files.reencode(given_bytes, max_pixels=10_000)
    with Image.open(io.BytesIO(clean.content)) as image:
        assert image.size == (40, 80) == (clean.width_pixels, clean.height_pixels)
        assert dict(image.getexif()) == {} and "icc_profile" not in image.info and "xmp" not in image.info
        red, _, blue = image.getpixel((20, 5))  # type: ignore[misc]
        assert blue > 200 > red
    assert b"Secret" not in clean.content
    assert {chunk for chunk, _ in riff_chunks(clean.content)} <= {b"VP8 "}


def riff_chunks(content: bytes) -> list[tuple[bytes, int]]:
    chunks, at = [], 12
    while at < len(content):
        name, size = struct.unpack("<4sI", content[at : at + 8])
        chunks.append((name, size))
        at += 8 + size + size % 2
    return chunks


def test_text_hidden_in_a_png_and_bytes_behind_its_end_are_gone() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("GPS", "SecretPlace")
    info.add_itxt("XML:com.adobe.xmp", "<x>SecretXmp</x>")
    hidden = picture("PNG", pnginfo=info) + b"PK\x03\x04SecretArchive"
    assert b"Secret" not in files.reencode(hidden, max_pixels=10_000).content


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "I;16", "CMYK"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (8, 8)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    clean = files.reencode(out.getvalue(), max_pixels=100)
    with Image.open(io.BytesIO(clean.content)) as image:
        assert image.mode == "RGB" and image.size == (8, 8)


def test_what_was_transparent_becomes_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(files.reencode(out.getvalue(), max_pixels=100).content)) as image:
        assert min(image.getpixel((4, 4))) > 250  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"GIF89a" + bytes(40),
        b"\xff\xd8\xff\xe0" + bytes(100),
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("JPEG", (400, 400))[:600],
        picture("PNG")[:-30],
        picture("WEBP")[:-30],
    ],
)
def test_anything_else_and_anything_broken_is_refused(store: DiskStore, rows: Session, content: bytes) -> None:
    with pytest.raises(NotAnImage):
        files.save_image(rows, OWNER, io.BytesIO(content), **LIMITS)
    assert list(store.keys(datetime.now(UTC) + timedelta(days=1))) == []


@pytest.mark.filterwarnings("ignore::UserWarning")  # the decoder's remarks on damaged metadata
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_is_answered_with_a_refusal_or_a_picture(kind: str, at: int, junk: bytes) -> None:
    content = bytearray(picture(kind))
    at %= len(content)
    content[at : at + len(junk)] = junk
    try:
        assert files.reencode(bytes(content), max_pixels=10_000).content
    except (NotAnImage, ImageTooLarge):
        pass


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(NotAnImage):
        files.reencode(content, max_pixels=10_000)


class Endless(io.RawIOBase):
    """A body that never ends and counts what was taken from it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "reading without a limit"
        self.taken += size
        return b"\xff" * size


def test_the_byte_limit_holds_while_reading(rows: Session, store: DiskStore) -> None:
    body = Endless()
    with pytest.raises(ImageTooLarge) as refused:
        files.save_image(rows, OWNER, body, max_bytes=100_000, max_pixels=100)  # type: ignore[arg-type]
    assert body.taken == 100_001 and refused.value.members == {"max_bytes": 100_000}
    exact = picture("PNG")
    assert files.save_image(rows, OWNER, io.BytesIO(exact), max_bytes=len(exact), max_pixels=2400)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is enormous."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(60_000, 60_000), (12_000, 9_000), (2_001, 2_000), (1, 20_000)])
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageTooLarge):
        files.reencode(bomb(*size), max_pixels=4_000_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_picture_is_made_smaller_in_its_proportions(kind: str) -> None:
    large = io.BytesIO()
    Image.new("RGB", (4000, 1000), "green").save(large, kind)
    clean = files.reencode(large.getvalue(), max_pixels=4_000_000)
    assert (clean.width_pixels, clean.height_pixels) == (2560, 640)


def test_somebody_elses_picture_is_not_found(store: DiskStore, rows: Session) -> None:
    file_id = files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    with pytest.raises(NotFound):
        files.open_image(rows, OTHER, file_id)
    with pytest.raises(NotFound):
        files.open_image(rows, OWNER, uuid4())
    assert files.owns(rows, OWNER, [file_id]) and not files.owns(rows, OTHER, [file_id])
    assert not files.owns(rows, OWNER, [file_id, uuid4()])
    assert not files.delete_image(rows, OTHER, file_id)


def test_files_lie_under_names_that_say_nothing_readable_by_us_alone(store: DiskStore, rows: Session) -> None:
    file_id = files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    (path,) = (p for p in store.root.rglob("*") if p.is_file())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert file_id.hex not in str(path) and OWNER.hex not in str(path) and path.suffix == ""


def test_a_rollback_leaves_an_orphan_that_the_sweep_removes_and_nothing_else(store: DiskStore, rows: Session) -> None:
    kept = files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    rows.commit()
    files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    rows.rollback()
    (store.root / ".tmp-left-by-a-crash").write_bytes(b"half")
    assert rows.scalar(select(func.count()).select_from(StoredFile)) == 1
    assert files.sweep(rows) == 0  # too young: its transaction may still be open
    with clock.shifted(timedelta(hours=2)):
        assert files.sweep(rows) == 2
        assert files.sweep(rows) == 0
    assert files.open_image(rows, OWNER, kept)[1]


def test_a_deleted_pictures_bytes_go_with_the_sweep(store: DiskStore, rows: Session) -> None:
    file_id = files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    assert files.delete_image(rows, OWNER, file_id)
    with clock.shifted(timedelta(hours=2)):
        assert files.sweep(rows) == 1
    with pytest.raises(NotFound):
        files.open_image(rows, OWNER, file_id)


def test_lost_or_altered_bytes_are_not_handed_out(store: DiskStore, rows: Session) -> None:
    file_id = files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    (path,) = (p for p in store.root.rglob("*") if p.is_file())
    path.write_bytes(b"altered")
    with pytest.raises(NotFound):
        files.open_image(rows, OWNER, file_id)
    path.unlink()
    with pytest.raises(NotFound):
        files.open_image(rows, OWNER, file_id)


def test_a_failed_write_leaves_nothing_behind(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        store.put("ab/cd/abcd", b"content", "image/webp")
    assert [p for p in store.root.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../b", ""])
def test_a_key_cannot_leave_the_store(store: DiskStore, key: str) -> None:
    with pytest.raises(ValueError):
        store.put(key, b"x", "image/webp")


class Bucket:
    """The few calls of an S3 client that the store makes, over a dictionary."""

    class exceptions:
        class NoSuchKey(Exception):
            pass

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        self.objects[f"{Bucket}|{Key}"] = (Body, datetime.now(UTC))

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if f"{Bucket}|{Key}" not in self.objects:
            raise self.exceptions.NoSuchKey
        return {"Body": io.BytesIO(self.objects[f"{Bucket}|{Key}"][0])}

    def delete_object(self, Bucket: str, Key: str) -> None:
        self.objects.pop(f"{Bucket}|{Key}", None)

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        found = [{"Key": name.partition("|")[2], "LastModified": at} for name, (_, at) in self.objects.items()]
        return [{"Contents": found}, {}]


def test_a_bucket_serves_as_a_store(rows: Session) -> None:
    bucket, before = Bucket(), files._bound
    files.bind(files.S3Store("city", client=bucket))
    try:
        file_id = files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
        assert files.open_image(rows, OWNER, file_id)[0] == "image/webp"
        assert all(name.startswith("city|files/") for name in bucket.objects)
        files.delete_image(rows, OWNER, file_id)
        with clock.shifted(timedelta(hours=2)):
            assert files.sweep(rows) == 1
        with pytest.raises(KeyError):
            files.current().get("ab/none")
        assert bucket.objects == {}
    finally:
        files.bind(before)


def test_an_owner_stores_only_so_many_pictures_a_day(
    store: DiskStore, rows: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_A_DAY", 2)
    for _ in range(2):
        files.refuse_flood(rows, OWNER)
        files.save_image(rows, OWNER, io.BytesIO(picture()), **LIMITS)
    with pytest.raises(files.TooManyImages):
        files.refuse_flood(rows, OWNER)
    files.refuse_flood(rows, uuid4())
    with clock.shifted(timedelta(days=1, seconds=1)):
        files.refuse_flood(rows, OWNER)
