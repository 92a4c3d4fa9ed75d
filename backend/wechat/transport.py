"""One call to WeChat over HTTP: deadline, size limit, what may be repeated, and reading the answer.

Repeating is decided by what a second execution could do:

* Nothing was sent (no connection, no free place in the pool): always repeated.
* The answer was lost, was unusable, or said *system busy* (-1): the call may have been carried out. It is
  repeated only where the endpoint is ``repeatable``. A code exchange is not: WeChat may have used up the
  code, and the mini-program gets a new one for nothing. Sending a message is not: it would arrive twice.
* Any other errcode is an answer, and is never asked for again here.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from backend.kit import deadline
from backend.wechat import errors, rules

log = structlog.get_logger("wechat")

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
PAUSES_SECONDS = (0.2, 0.6)
"""Before the second and the third attempt."""
POOL_SECONDS = 2.0
ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One endpoint. ``repeatable``: executing it twice does no harm."""

    method: str
    path: str
    repeatable: bool
    token_call: bool = False


@dataclass(frozen=True)
class Limits:
    """Seconds. ``read`` bounds each wait for bytes, ``total`` the whole of one attempt."""

    connect: float = 3.0
    read: float = 5.0
    total: float = 8.0


@dataclass(frozen=True)
class Answer:
    """Either a JSON object (``document``) or an image (``content`` with its ``media_type``)."""

    document: dict[str, Any] = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    media_type: str = ""


def _hide_query(record: logging.LogRecord) -> bool:
    """httpx logs whole addresses; WeChat wants secrets, codes and tokens in the query."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument for argument in record.args
        )
    return True


class Transport:
    """Holds the connections. Safe to share between threads; opens nothing before the first call."""

    def __init__(
        self, base_url: str, limits: Limits | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._limits = limits or Limits()
        self._sleep = sleep
        logging.getLogger("httpx").addFilter(_hide_query)
        self._http = httpx.Client(
            base_url=base_url,
            limits=httpx.Limits(max_connections=40, max_keepalive_connections=10),
            follow_redirects=False,  # a redirect would carry the secret to wherever it points
            trust_env=not rules.is_stand_in(base_url),  # a proxy is for the way out, never for loopback
        )

    def close(self) -> None:
        self._http.close()

    def _timeout(self) -> httpx.Timeout:
        """For each wait this client's own time, or what is left to the asking request. Raises DeadlineExceeded."""
        deadline.check()
        connect, read, pool = (deadline.left(wait) for wait in (self._limits.connect, self._limits.read, POOL_SECONDS))
        return httpx.Timeout(connect=connect, read=read, write=read, pool=pool)

    def ask(self, call: Call, query: Mapping[str, str], body: Mapping[str, Any] | None = None) -> Answer:
        """Make ``call``, repeating it as this module's head says.

        Raises a ``WechatError``, or DeadlineExceeded when the asking request has no time left.
        """
        for pause in PAUSES_SECONDS:
            try:
                return self._once(call, query, body)
            except errors.WechatUnavailable as refusal:
                deadline.check()
                if refusal.outcome_unknown and not call.repeatable:
                    raise
            self._sleep(deadline.left(pause))
        try:
            return self._once(call, query, body)
        except errors.WechatUnavailable:
            deadline.check()
            raise

    def _once(self, call: Call, query: Mapping[str, str], body: Mapping[str, Any] | None) -> Answer:
        try:
            status, content = self._exchange(call, query, body)
        except NEVER_SENT as error:
            log.warning("wechat.not_reached", path=call.path, error=type(error).__name__)
            raise errors.WechatUnavailable() from error
        except httpx.HTTPError as error:
            log.warning("wechat.no_answer", path=call.path, error=type(error).__name__)
            raise errors.WechatUnavailable(outcome_unknown=True) from error
        return _read(call, status, content)

    def _exchange(self, call: Call, query: Mapping[str, str], body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        """Send and receive within the total deadline and the size limit."""
        # Chinese must not be escaped: msgSecCheck reads the escapes and finds nothing wrong with them.
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {} if body is None else {"Content-Type": "application/json"}
        ends_at = time.monotonic() + deadline.left(self._limits.total)
        received = bytearray()
        with self._http.stream(
            call.method, call.path, params=dict(query), content=content, headers=headers, timeout=self._timeout()
        ) as response:
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) > ANSWER_BYTES:
                    raise httpx.ReadError("the answer is too large")
                if time.monotonic() > ends_at:
                    raise httpx.ReadTimeout("the answer came too slowly")
            return response.status_code, bytes(received)


def _read(call: Call, status: int, content: bytes) -> Answer:
    """Tell image, answer and refusal apart, by content: WeChat calls JSON ``text/plain`` at times."""
    if status == 200 and (image_type := _image_type(content)):
        return Answer({}, content, image_type)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        log.warning("wechat.not_readable", path=call.path, status=status)
        raise errors.WechatUnavailable(outcome_unknown=True)
    errcode = document.get("errcode", 0)
    if type(errcode) is not int or (errcode == 0 and status != 200):
        log.warning("wechat.without_errcode", path=call.path, status=status)
        raise errors.WechatUnavailable(outcome_unknown=True)
    if errcode != 0:
        log.warning("wechat.refused", path=call.path, errcode=errcode, rid=_rid(document.get("errmsg")))
        raise errors.for_errcode(errcode, token_call=call.token_call)
    return Answer(document)


def _rid(errmsg: object) -> str | None:
    """WeChat's own number of a request, for its support. The rest of its words may repeat what we sent."""
    found = re.search(r"\brid: ([0-9a-f-]{8,64})", errmsg) if isinstance(errmsg, str) else None
    return found[1] if found else None


def _image_type(content: bytes) -> str:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "image/jpeg" if content.startswith(b"\xff\xd8\xff") else ""
