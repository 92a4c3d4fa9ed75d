"""Pictures that people hand in: evidence of a good deed, of a complaint, of an inspection.

Whatever arrives is decoded, turned upright, and written anew as pixels alone, so that nothing rides along: no place
where it was taken, no camera, no hidden second file. Pictures are private: they belong to an owner, are found by
``(owner_id, id)`` only, and lie under a name that says nothing.

A file is written before its row. A transaction that rolls back therefore leaves at most a file without a row, which
``sweep`` removes; it never leaves a row without its file.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import struct
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol
from uuid import UUID

from PIL import Image, ImageOps
from sqlalchemy import CheckConstraint, Index, LargeBinary, String, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.kit import clock, db, jobs
from backend.kit.db import Base, Reader, distributed
from backend.kit.errors import DomainError, NotFound
from backend.kit.ids import new_id

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_SIDE_PIXELS = 16_383  # what WebP can hold
KEPT_SIDE_PIXELS = 2560  # enough to read a sign in a photograph; what is larger is made smaller
QUALITY = 82
MOST_A_DAY = 300  # of one owner: thirty deeds of nine photos each, and far less than a disk
CHUNK_BYTES = 64 * 1024
GRACE = timedelta(hours=1)  # no request lives this long, so an older file without a row is nobody's


class NotAnImage(DomainError):
    slug = "not-an-image"
    status = 422
    title_zh = "不是可以识别的图片"
    title_en = "Not an image"
    explain_zh = "只接受内容完整的 JPEG、PNG 或 WebP 图片；以文件内容为准，与文件名无关。"
    explain_en = "Only whole JPEG, PNG or WebP pictures are taken. The content counts, the name does not."


class ImageTooLarge(DomainError):
    slug = "image-too-large"
    status = 413
    title_zh = "图片过大"
    title_en = "The image is too large"
    explain_zh = "图片的字节数或像素数超过上限（见 max_bytes、max_pixels、max_side_pixels），请压缩后再上传。"
    explain_en = "The picture has more bytes or pixels than allowed (see max_bytes, max_pixels, max_side_pixels)."


class TooManyImages(DomainError):
    slug = "too-many-images"
    status = 429
    title_zh = "今天上传的图片太多"
    title_en = "Too many images today"
    explain_zh = "每人 24 小时内上传的图片有上限（见 most），请稍后再上传。"
    explain_en = "What one person may upload within 24 hours is limited (see most). Please come back later."


class StoredFile(Base):
    """A picture's row. ``storage_key`` is where its bytes lie; ``sha256`` is theirs as stored."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("size_bytes > 0", name="size_positive"),
        Index("ix_files_storage_key", "storage_key"),
        distributed("owner_id"),
    )

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    media_type: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int]
    width_pixels: Mapped[int]
    height_pixels: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    storage_key: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class Picture(NamedTuple):
    """A re-encoded picture: bytes, media type, size in pixels."""

    content: bytes
    media_type: str
    width_pixels: int
    height_pixels: int


class FileStore(Protocol):
    """Where bytes lie. Keys are made here, never by callers; ``get`` raises KeyError when there is nothing."""

    def put(self, key: str, content: bytes, media_type: str) -> None: ...

    def get(self, key: str) -> bytes: ...

    def delete(self, key: str) -> None: ...

    def keys(self, before: datetime) -> Iterator[str]:
        """Keys last written before an instant, in no order."""
        ...


class DiskStore:
    """Files under ``root``, readable by this user alone, each written whole or not at all."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root) or path == self.root:
            raise ValueError("a key that leaves the store")
        return path

    def put(self, key: str, content: bytes, media_type: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        for directory in (path.parent, path.parent.parent):
            _sync_directory(directory)

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(key) from error

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def keys(self, before: datetime) -> Iterator[str]:
        """Half-written files of a crashed process are among them: they have no row either."""
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = Path(directory, name)
                try:
                    written = path.stat().st_mtime
                except FileNotFoundError:
                    continue
                if written < before.timestamp():
                    yield path.relative_to(self.root).as_posix()


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class S3Store:
    """An S3-compatible bucket. Objects are private by the bucket's policy; nothing here signs public addresses.

    ``client`` is a boto3 S3 client; without one it is made from the usual boto3 settings.
    """

    def __init__(self, bucket: str, *, prefix: str = "files/", client: Any = None, **settings: Any) -> None:
        if client is None:
            # an option: a city on one disk need not install it
            client = importlib.import_module("boto3").client("s3", **settings)
        self.client, self.bucket, self.prefix = client, bucket, prefix

    def put(self, key: str, content: bytes, media_type: str) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=content, ContentType=media_type)

    def get(self, key: str) -> bytes:
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
        except self.client.exceptions.NoSuchKey as error:
            raise KeyError(key) from error
        content: bytes = answer["Body"].read()
        return content

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def keys(self, before: datetime) -> Iterator[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                if entry["LastModified"] < before:
                    yield entry["Key"].removeprefix(self.prefix)


_bound: FileStore | None = None


def bind(store: FileStore | None) -> None:
    """Say where pictures lie; the composition root does, once."""
    global _bound
    _bound = store


def current() -> FileStore:
    if _bound is None:
        raise RuntimeError("no file store is bound; the composition root does that")
    return _bound


def save_image(session: Session, owner_id: UUID, stream: IO[bytes], *, max_bytes: int, max_pixels: int) -> UUID:
    """Store a picture for ``owner_id`` and return its id. ``max_pixels`` is width × height.

    Raises NotAnImage and ImageTooLarge; in both cases nothing was written.
    """
    return store_image(session, owner_id, read_image(stream, max_bytes=max_bytes, max_pixels=max_pixels))


def read_image(stream: IO[bytes], *, max_bytes: int, max_pixels: int) -> Picture:
    """The costly half of ``save_image``: routes call it before they open the transaction.

    Decoding takes a tenth of a second and more, during which SQLite's one writer should not be kept.
    """
    return reencode(_read_limited(stream, max_bytes), max_pixels=max_pixels)


def store_image(session: Session, owner_id: UUID, picture: Picture) -> UUID:
    """The other half: keep a picture made by ``read_image`` for ``owner_id`` and return its id."""
    file_id = new_id()
    key = _storage_key()
    current().put(key, picture.content, picture.media_type)
    session.execute(
        insert(StoredFile).values(
            owner_id=owner_id,
            id=file_id,
            media_type=picture.media_type,
            size_bytes=len(picture.content),
            width_pixels=picture.width_pixels,
            height_pixels=picture.height_pixels,
            sha256=hashlib.sha256(picture.content).digest(),
            storage_key=key,
            created_at=clock.now(),
        )
    )
    return file_id


def refuse_flood(reader: Reader, owner_id: UUID) -> None:
    """Raise TooManyImages when an owner has stored as many pictures as one may within 24 hours."""
    since = StoredFile.created_at > clock.now() - timedelta(days=1)
    stored = select(func.count()).where(StoredFile.owner_id == owner_id, since)
    if reader.execute(stored).scalar_one() >= MOST_A_DAY:
        raise TooManyImages(most=MOST_A_DAY)


def open_image(reader: Reader, owner_id: UUID, file_id: UUID) -> tuple[str, bytes]:
    """``(media type, bytes)`` of an owner's picture; NotFound also where it is somebody else's.

    Who may look is the calling room's decision; it passes the owner it has established.
    """
    columns = select(StoredFile.media_type, StoredFile.storage_key, StoredFile.sha256)
    row = reader.execute(columns.where(StoredFile.owner_id == owner_id, StoredFile.id == file_id)).first()
    if row is None:
        raise NotFound("没有这张图片。", "There is no such picture.")
    try:
        content = current().get(row.storage_key)
    except KeyError as error:
        raise NotFound("这张图片已不存在。", "The picture is no longer there.") from error
    if hashlib.sha256(content).digest() != row.sha256:
        raise NotFound("这张图片已损坏。", "The picture is damaged.")
    return row.media_type, content


def owns(reader: Reader, owner_id: UUID, file_ids: list[UUID]) -> bool:
    """Whether every one of these pictures belongs to ``owner_id``."""
    found = select(StoredFile.id).where(StoredFile.owner_id == owner_id, StoredFile.id.in_(file_ids))
    return set(reader.execute(found).scalars()) == set(file_ids)


def delete_image(session: Session, owner_id: UUID, file_id: UUID) -> bool:
    """Forget a picture; its bytes go with the next ``sweep``, since a transaction cannot take a file back."""
    gone = delete(StoredFile).where(StoredFile.owner_id == owner_id, StoredFile.id == file_id)
    return session.execute(gone.returning(StoredFile.id)).first() is not None


def sweep(session: Reader, *, grace: timedelta = GRACE) -> int:
    """Remove stored bytes that no row names and that are older than ``grace``; return how many."""
    store, removed, batch = current(), 0, []
    for key in store.keys(clock.now() - grace):
        batch.append(key)
        if len(batch) == 500:
            removed, batch = removed + _sweep_batch(session, store, batch), []
    return removed + _sweep_batch(session, store, batch)


def _sweep_batch(session: Reader, store: FileStore, keys: list[str]) -> int:
    if not keys:
        return 0
    named = set(session.execute(select(StoredFile.storage_key).where(StoredFile.storage_key.in_(keys))).scalars())
    orphans = [key for key in keys if key not in named]
    for key in orphans:
        store.delete(key)
    return len(orphans)


def _storage_key() -> str:
    """A place that nothing known to anybody leads to: not the owner, not the id, not the name it came with."""
    name = hashlib.sha256(os.urandom(32)).hexdigest()
    return f"{name[:2]}/{name[2:4]}/{name}"


def _read_limited(stream: IO[bytes], max_bytes: int) -> bytes:
    parts, size = [], 0
    while chunk := stream.read(min(CHUNK_BYTES, max_bytes + 1 - size)):
        size += len(chunk)
        if size > max_bytes:
            raise ImageTooLarge("图片文件太大。", "The file has too many bytes.", max_bytes=max_bytes)
        parts.append(chunk)
    return b"".join(parts)


def reencode(content: bytes, *, max_pixels: int) -> Picture:
    """The picture as upright pixels without anything else, as WebP (RGB; what was transparent becomes white).

    Its longer side is at most ``KEPT_SIDE_PIXELS`` afterwards. Its size is read from the header and judged before a
    pixel is decoded, so that a small file which unfolds into gigabytes costs nothing. Of a moving picture the first
    frame is kept.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_pixels(*image.size, max_pixels)
            image.draft("RGB", (KEPT_SIDE_PIXELS, KEPT_SIDE_PIXELS))  # JPEG need not be decoded in full for that
            return _pixels_only(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(max_pixels) from error
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error) as error:
        # Decoders answer damaged files with all of these; Image.UnidentifiedImageError is an OSError.
        raise NotAnImage("文件不是完整的 JPEG、PNG 或 WebP 图片。") from error


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels or max(width, height) > MOST_SIDE_PIXELS:
        raise _too_many_pixels(max_pixels)


def _too_many_pixels(max_pixels: int) -> ImageTooLarge:
    return ImageTooLarge(
        "图片的像素太多。",
        "The picture has too many pixels.",
        max_pixels=max_pixels,
        max_side_pixels=MOST_SIDE_PIXELS,
    )


def _pixels_only(image: Image.Image) -> Picture:
    image.thumbnail((KEPT_SIDE_PIXELS, KEPT_SIDE_PIXELS), Image.Resampling.BICUBIC)
    upright = ImageOps.exif_transpose(image) or image
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        clean = Image.new("RGB", layer.size, "white")
        clean.paste(layer, mask=layer.getchannel("A"))
    else:
        converted = upright.convert("RGB")
        clean = Image.new("RGB", converted.size)  # a new image has no metadata that an encoder could copy
        clean.paste(converted)
    out = io.BytesIO()
    clean.save(out, "WEBP", quality=QUALITY, method=4)
    return Picture(out.getvalue(), "image/webp", *clean.size)


def sweep_files(day: date) -> str:
    """The daily sweep."""
    with db.transaction() as session:
        return f"{sweep(session)} files removed"


JOBS = (jobs.Job("files.sweep", "清理无主的图片文件", sweep_files),)
