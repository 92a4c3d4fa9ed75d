"""What the stand-in knows: people, codes, tokens, messages, faults. Everything here is synthetic."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

APP_ID = "wx00000000000000aa"
APP_SECRET = "00000000000000000000000000000000"
RISKY_WORD = "【测试违规】"
REVIEW_WORD = "【测试待审】"

CODE_SECONDS = 300
TOKEN_SECONDS = 7200
OVERLAP_SECONDS = 300
FORCED_A_DAY = 20
FORCED_GAP_SECONDS = 30
LOGINS_A_MINUTE = 100
MESSAGES_KEPT = 1000
CODES_KEPT = 100_000

OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")
PHONE = re.compile(r"[0-9]{11}")
NOTHING = re.compile(r"(?!)")


class Clock:
    """Seconds since 1970, which a test can move forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def forward(self, seconds: float) -> None:
        self._ahead += seconds


class Refusal(Exception):
    """An errcode of WeChat's."""

    def __init__(self, errcode: int, errmsg: str | None = None) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        self.errmsg = errmsg


@dataclass
class Code:
    openid: str
    until: float
    used: bool = False


@dataclass
class Token:
    value: str
    until: float


@dataclass
class Fault:
    """What goes wrong with the next ``times`` calls of ``path``; ``after`` they took effect, or before."""

    path: str
    times: int = 1
    errcode: int | None = None
    http_status: int | None = None
    body: str | None = None
    location: str | None = None
    delay: float = 0.0
    hang: bool = False
    drop: bool = False
    drip: bool = False
    after: bool = False


@dataclass
class Lasting:
    """What is kept in the state file."""

    people: dict[str, dict[str, str]] = field(default_factory=dict)
    acceptances: dict[str, int] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    token: dict[str, Any] | None = None


def synthetic_phone(openid: str) -> str:
    """The phone of an openid nobody registered: ``1990000`` and four digits from its hash."""
    digest = hashlib.sha256(openid.encode("utf-8", "surrogatepass")).digest()
    return f"1990000{int.from_bytes(digest[:8], 'big') % 10_000:04d}"


class World:
    """All state behind one lock. ``people_file`` (openid → phone) is read again whenever it changes."""

    def __init__(
        self,
        app_id: str = APP_ID,
        app_secret: str = APP_SECRET,
        *,
        clock: Clock | None = None,
        state_file: Path | None = None,
        people_file: Path | None = None,
    ) -> None:
        self.app_id = app_id
        self.app_secret = app_secret
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.calls: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}  # the last one of each path, as it came
        self.faults: list[Fault] = []
        self._codes: dict[tuple[str, str], Code] = {}
        self._token: Token | None = None
        self._earlier: list[Token] = []
        self._superseded: set[str] = set()
        self._forced: list[float] = []
        self._logins: dict[str, list[float]] = {}
        self._state_file = state_file
        self._people_file = people_file
        self._people_stamp: tuple[int, int] | None = None
        self._imported: dict[str, dict[str, str]] = {}
        self._lasting = self._load()

    # people

    def register(self, openid: str, phone: str | None, unionid: str | None) -> dict[str, str]:
        with self.lock:
            person = self._lasting.people.setdefault(openid, {})
            if phone is not None:
                person["phone"] = phone
            if unionid is not None:
                person["unionid"] = unionid
            self.save()
            return {"openid": openid, **self.person(openid)}

    def person(self, openid: str) -> dict[str, str]:
        """``phone`` always, ``unionid`` where registered. A registration outweighs the people file."""
        with self.lock:
            self._import_people()
            known = {**self._imported.get(openid, {}), **self._lasting.people.get(openid, {})}
            return {"phone": synthetic_phone(openid), **known}

    def _import_people(self) -> None:
        if self._people_file is None:
            return
        try:
            status = self._people_file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._people_stamp:
                return
            listed = json.loads(self._people_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return  # not written yet, or half written: what was read before stays
        if isinstance(listed, dict):
            self._people_stamp = stamp
            self._imported = {openid: _imported_person(entry) for openid, entry in listed.items()}

    # codes

    def make_code(self, kind: str, openid: str) -> str:
        code = secrets.token_urlsafe(24) if kind == "login" else secrets.token_hex(32)
        with self.lock:
            now = self.clock.now()
            if len(self._codes) >= CODES_KEPT:
                self._codes = {key: code for key, code in self._codes.items() if code.until > now}
            self._codes[kind, code] = Code(openid, now + CODE_SECONDS)
        return code

    def use_code(self, kind: str, code: str, *, used_errcode: int, openid: str | None = None) -> str:
        """The openid behind ``code``, which is used up by this."""
        with self.lock:
            found = self._codes.get((kind, code))
            if found is None or self.clock.now() >= found.until:
                raise Refusal(40029)
            if found.used:
                raise Refusal(used_errcode)
            if openid is not None and openid != found.openid:
                raise Refusal(40003)
            if kind == "login":
                self._count_login(found.openid)
            found.used = True
            return found.openid

    def _count_login(self, openid: str) -> None:
        now = self.clock.now()
        recent = [at for at in self._logins.get(openid, []) if at > now - 60]
        if len(recent) >= LOGINS_A_MINUTE:
            raise Refusal(45011)
        self._logins[openid] = [*recent, now]

    # access token

    def stable_token(self, *, force: bool) -> tuple[str, int]:
        """Token and remaining seconds, by the rules of getStableAccessToken."""
        with self.lock:
            now = self.clock.now()
            if force and self._may_force(now):
                if self._token:
                    self._superseded.add(self._token.value)
                self._superseded.update(token.value for token in self._earlier)
                self._earlier = []
                self._token = None
            if self._token is None or self._token.until - now < OVERLAP_SECONDS:
                self._renew(now)
            assert self._token is not None
            return self._token.value, int(self._token.until - now)

    def _may_force(self, now: float) -> bool:
        """Whether a forced renewal renews: not within 30 s of the last; over 20 in a day is refused."""
        self._forced = [at for at in self._forced if at > now - 86400]
        if self._forced and now - self._forced[-1] < FORCED_GAP_SECONDS:
            return False
        if len(self._forced) >= FORCED_A_DAY:
            raise Refusal(45009)
        self._forced.append(now)
        return True

    def _renew(self, now: float) -> None:
        if self._token is not None and self._token.until > now:
            self._earlier = [*self._earlier[-20:], Token(self._token.value, now + OVERLAP_SECONDS)]
        elif self._token is not None:
            self._earlier = [*self._earlier[-20:], self._token]
        self._token = Token("80_" + secrets.token_urlsafe(120), now + TOKEN_SECONDS)
        self._lasting.token = asdict(self._token)
        self.save()

    def check_token(self, value: str) -> None:
        with self.lock:
            if not value:
                raise Refusal(41001)
            if value in self._superseded:
                raise Refusal(40001)
            for token in [self._token, *self._earlier]:
                if token is not None and token.value == value:
                    if self.clock.now() >= token.until:
                        raise Refusal(42001)
                    return
            raise Refusal(40001)

    # messages

    def accept_messages(self, openid: str, template_id: str, count: int) -> int:
        with self.lock:
            key = f"{openid} {template_id}"
            self._lasting.acceptances[key] = self._lasting.acceptances.get(key, 0) + count
            self.save()
            return self._lasting.acceptances[key]

    def store_message(self, message: dict[str, Any]) -> None:
        with self.lock:
            key = f"{message['touser']} {message['template_id']}"
            left = self._lasting.acceptances.get(key)
            if left is not None:
                if left <= 0:
                    raise Refusal(43101)
                self._lasting.acceptances[key] = left - 1
            self._lasting.messages = [
                *self._lasting.messages[-(MESSAGES_KEPT - 1) :],
                {**message, "received_at": self.clock.now()},
            ]
            self.save()

    def messages(self, openid: str | None = None) -> list[dict[str, Any]]:
        with self.lock:
            return [m for m in self._lasting.messages if openid is None or m["touser"] == openid]

    def forget_messages(self) -> None:
        with self.lock:
            self._lasting.messages = []
            self.save()

    # calls and faults

    def count_call(self, path: str) -> None:
        with self.lock:
            self.calls[path] = self.calls.get(path, 0) + 1

    def take_fault(self, path: str) -> Fault | None:
        """The first fault set for ``path``, counted down."""
        with self.lock:
            for fault in self.faults:
                if fault.path == path:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
            return None

    # the state file

    def _load(self) -> Lasting:
        if self._state_file is None:
            return Lasting()
        try:
            lasting = Lasting(**json.loads(self._state_file.read_text(encoding="utf-8")))
            if lasting.token:
                self._token = Token(**lasting.token)
            return lasting
        except FileNotFoundError:
            return Lasting()
        except (OSError, ValueError, TypeError) as error:
            raise SystemExit(f"{self._state_file} is not a state file of the stand-in: {error}") from error

    def save(self) -> None:
        if self._state_file is None:
            return
        draft = self._state_file.with_name(self._state_file.name + ".new")
        draft.write_text(json.dumps(asdict(self._lasting)), encoding="utf-8")
        os.replace(draft, self._state_file)


def _imported_person(entry: object) -> dict[str, str]:
    person = entry if isinstance(entry, dict) else {"phone": entry}
    return {
        name: value
        for name, value in person.items()
        if isinstance(value, str) and {"phone": PHONE, "unionid": OPENID}.get(name, NOTHING).fullmatch(value)
    }
