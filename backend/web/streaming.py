"""Bodies too large to be held: read piece by piece, hashed on the way, and given up when they come too slowly.

A request's time limit does not count while such a body arrives. What guards the server instead: a process takes in
few of them at once, so that whoever dawdles keeps no place that others need; each must keep a pace; and the proxy ends
a connection on which nothing comes at all (``client_body_timeout``).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator

from flask import current_app, request
from werkzeug.exceptions import ClientDisconnected

from backend.kit import deadline
from backend.kit.errors import DomainError
from backend.web.problems import ContentTooLarge

AT_ONCE = 3
"""Of a process's eight threads."""
GRACE_SECONDS = 30.0
LEAST_BYTES_A_SECOND = 16 * 1024
LONGEST_SECONDS = 3600.0
READ_BYTES = 256 * 1024
_places = threading.BoundedSemaphore(AT_ONCE)


class UploadBroken(DomainError):
    slug = "upload-broken"
    status = 400
    title_zh = "上传没有完成"
    title_en = "The upload broke off"
    explain_zh = "收到的字节数与 Content-Length 不符，或连接中断。什么都没有保存，请用同一个 Idempotency-Key 重新上传。"
    explain_en = "Fewer bytes came than told, or the connection broke. Nothing was kept; repeat with the same key."


class UploadTooSlow(DomainError):
    slug = "upload-too-slow"
    status = 408
    title_zh = "上传太慢"
    title_en = "The upload is too slow"
    explain_zh = (
        "上传的速度低于每秒 16 KiB 或超过一小时，已经放弃。什么都没有保存，请换个网络重新上传，或拆成几个文件。"
    )
    explain_en = "Below 16 KiB a second, or longer than an hour: given up. Nothing was kept; split the file or repeat."


class UploadsBusy(DomainError):
    slug = "uploads-busy"
    status = 503
    title_zh = "同时上传的文件太多"
    title_en = "Too many uploads at once"
    explain_zh = "服务器正在接收别的文件，请按 Retry-After 稍后用同一个 Idempotency-Key 重试。"
    explain_en = "The server is taking in other files. Repeat with the same key after Retry-After seconds."

    def __init__(self) -> None:
        super().__init__()
        self.headers["Retry-After"] = "20"


PROBLEMS = (UploadBroken, UploadTooSlow, UploadsBusy, ContentTooLarge)


class Body:
    """The request's body as it streams by. ``size`` and ``digest()`` (SHA-256) are those of what has passed."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._hash, self.size = most_bytes, hashlib.sha256(), 0

    def digest(self) -> bytes:
        return self._hash.digest()

    def pieces(self, size: int) -> Iterator[bytes]:
        """The body in pieces of exactly ``size`` bytes, but for the last. Raises the problems of PROBLEMS."""
        told = request.content_length
        if told is not None and told > self._most:
            raise self._too_large()
        if not _places.acquire(blocking=False):
            raise UploadsBusy()
        deadline.end()
        try:
            yield from self._cut(size, time.monotonic())
        finally:
            _places.release()
            deadline.begin(current_app.config["REQUEST_SECONDS"])
        if told is not None and self.size != told:
            raise UploadBroken()

    def _cut(self, size: int, begun: float) -> Iterator[bytes]:
        request.max_content_length = self._most + 1
        waiting = bytearray()
        for part in self._parts(begun):
            waiting += part
            while len(waiting) >= size:
                yield bytes(waiting[:size])
                del waiting[:size]
        if waiting:
            yield bytes(waiting)

    def _parts(self, begun: float) -> Iterator[bytes]:
        stream = request.stream
        while part := self._read(stream):
            self.size += len(part)
            if self.size > self._most:
                raise self._too_large()
            self._hash.update(part)
            passed = time.monotonic() - begun
            slow = passed > GRACE_SECONDS and self.size < LEAST_BYTES_A_SECOND * passed
            if slow or passed > LONGEST_SECONDS:
                raise UploadTooSlow()
            yield part

    def _read(self, stream: object) -> bytes:
        try:
            part: bytes = stream.read(READ_BYTES)  # type: ignore[attr-defined]
        except (OSError, ClientDisconnected):
            raise UploadBroken() from None
        return part

    def _too_large(self) -> ContentTooLarge:
        most = self._most // (1024 * 1024)
        return ContentTooLarge(f"最多 {most} MiB；请拆成几个文件。", f"At most {most} MiB.", most_bytes=self._most)
