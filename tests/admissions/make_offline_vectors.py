"""Write ``offline_vectors.json``: packs, codes, times, and what an offline verifier must say. Always the same bytes.

``python -m tests.admissions.make_offline_vectors``. The keys are made of fixed seeds and sign nothing real; the codes
are framed here by hand, so that the vectors do not lean on the code that they check.
"""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import base45
import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILE = Path(__file__).with_name("offline_vectors.json")
MADE_AT = datetime(2026, 3, 5, 2, 0, tzinfo=UTC)
NOW = MADE_AT + timedelta(minutes=30)
TICKET, FAMILY, ONLINE, ELSEWHERE, WORTH, WORTHLESS, DEAR = (UUID(int=0xA0000 + number) for number in range(7))
KEYS = {kid: Ed25519PrivateKey.from_private_bytes(kid.encode().ljust(32, b".")) for kid in ("cA1", "cB2", "pA1", "sA1")}
REVOKED = (11, 12)
LIST_BITS = 64
STATUS_CASES = 2**20


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def jwk(kid: str) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
            "x": b64(KEYS[kid].public_key().public_bytes_raw())}  # fmt: skip


def status_list(kid: str = "sA1", *, ends: datetime = MADE_AT + timedelta(hours=24), signer: str = "") -> str:
    """A Token Status List of 64 places, two of them revoked."""
    bits = bytearray(LIST_BITS // 8)
    for place in REVOKED:
        bits[place >> 3] |= 1 << (place & 7)
    header = {"alg": "EdDSA", "typ": "statuslist+jwt", "kid": kid}
    claims = {
        "iss": "320115", "sub": "http://127.0.0.1:8000/.well-known/code-status", "iat": int(MADE_AT.timestamp()),
        "exp": int(ends.timestamp()), "ttl": 300, "status_list": {"bits": 1, "lst": b64(zlib.compress(bytes(bits), 9))},
    }  # fmt: skip
    signed = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{b64(KEYS[signer or kid].sign(signed.encode()))}"


def offer(
    key: UUID, title: str, uses: int, mode: str = "uses", max_uses: int = 3, *, value: int = 0, most: int = 0
) -> dict[str, Any]:
    return {"id": str(key), "title": title, "kind": "ticket", "benefit_text": "入场一次。", "uses": uses,
            "value_fen": value,
            "offline": {"mode": mode, "max_uses": max_uses, "max_value_fen": most}}  # fmt: skip


def pack(*lists: str, hours: int = 24) -> dict[str, Any]:
    """What the server gives to a venue's device. ``hours``: how old the city lets it grow."""
    return {
        "keys": [jwk("cA1"), jwk("sA1")],
        "status_list": lists[0],
        "status_lists": list(lists),
        "used": [
            {"status": 12, "used": 1, "last_used_at": "2026-03-05T01:00:00Z"},
            {"status": 20, "used": 1, "last_used_at": "2026-03-05T01:30:00Z"},
        ],
        "offers": [
            offer(TICKET, "单次门票", 1),
            offer(FAMILY, "三次通用券", 3),
            offer(ONLINE, "只限在线", 1, "none", 0),
            offer(WORTH, "按价值限额", 3, "value", 0, value=8_000, most=20_000),
            offer(WORTHLESS, "没有写明价值", 1, "value", 0, value=0, most=20_000),
            offer(DEAR, "一次就超过限额", 1, "value", 0, value=20_001, most=20_000),
        ],
        "undo_seconds": 60,
        "venue": {"id": str(UUID(int=0xB0000)), "name": "演示入口"},
        "server_time": "2026-03-05T02:00:00Z",
        "valid_until": (MADE_AT + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def code(
    status: int | None = 1, key: UUID = TICKET, *, kid: str = "cA1", signer: str = "", minutes: int = 60,
    born: int = -10, algorithm: int = -8, unprotected: dict[int, Any] | None = None, drop: int | None = None,
) -> str:  # fmt: skip
    """A coupon's code that was issued ``born`` minutes from ``NOW`` and lives for ``minutes``."""
    issued = int((NOW + timedelta(minutes=born)).timestamp())
    ours = [b"\x07" * 22] if status is None else [b"\x07" * 22, status]
    claims: dict[int, Any] = {
        1: "320115",
        4: issued + minutes * 60,
        6: issued,
        7: UUID(int=0xC0000).bytes,
        9: key.bytes,
    }
    claims[-65537] = ours
    if drop is not None:
        del claims[drop]
    protected, payload = cbor2.dumps({1: algorithm, 4: kid.encode()}), cbor2.dumps(claims)
    signature = KEYS[signer or kid].sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    message = cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected or {}, payload, signature]))
    return f"XY1:{base45.b45encode(message).decode()}"


def flipped(text: str) -> str:
    """The same code with one bit of its signature turned over."""
    raw = bytearray(base45.b45decode(text[4:]))
    raw[-1] ^= 1
    return f"XY1:{base45.b45encode(bytes(raw)).decode()}"


def cases() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def case(name: str, text: str, reason: str = "", *, left: int | None = None, **more: Any) -> None:
        now = more.pop("now", NOW)
        since = {"by_status": {}, "by_offer": {}, **more.pop("since", {})}
        expect = {"verdict": "refused" if reason else "valid", "reason": reason, "uses_left": left}
        about = {"name": name, "pack": more.pop("pack", "good"), "now": now.isoformat()}
        made.append({**about, "code": text, "since": since, "expect": expect})

    bad = "code-not-verified"
    case("a fresh coupon", code(), left=1)
    case("lower case and blanks around it", f"  {code().lower()}\n", left=1)
    case("a coupon of three uses", code(2, FAMILY), left=3)
    case("a coupon of three uses, one of them gone", code(20, FAMILY), left=2)
    case("one gone by the pack and one since", code(20, FAMILY), left=1, since={"by_status": {"20": 1}})
    case("all gone, most of them since", code(20, FAMILY), "already-used", since={"by_status": {"20": 2}})
    case("admitted by this device a moment ago", code(3), "already-used", since={"by_status": {"3": 1}})
    case("used up, as the pack tells", code(12), "already-used")
    case("cancelled", code(11), "revoked")
    case("another venue's offer", code(4, ELSEWHERE), "not-your-offer")
    case("an offer that must be online", code(5, ONLINE), "offline-not-allowed")
    case("the device's share of offline uses is gone", code(6), "offline-limit", since={"by_offer": {str(TICKET): 3}})
    case("a code without a status", code(None), "status-unknown")
    case("a place beyond the list", code(LIST_BITS), "status-unknown")
    case("a list that the pack does not hold", code(STATUS_CASES + 1), "status-unknown")
    case("a list with a wrong signature", code(), "status-unknown", pack="list-forged")
    case("a list signed by a coupon's key", code(), "status-unknown", pack="list-wrong-key")
    case("a list that has ended", code(), "status-unknown", pack="list-ended")
    case("not a code", "https://example.invalid/m/ACDEFGHJKM", bad)
    case("nothing", "", bad)
    case("the prefix alone", "XY1:", bad)
    case("letters outside base45", "XY1:ab!c", bad)
    case("broken off", code()[:120], bad)
    case("a turned bit", flipped(code()), bad)
    case("a key that is not in the pack", code(kid="cB2"), bad)
    case("a known key's name over another's signature", code(signer="cB2"), bad)
    case("a status key instead of a coupon's", code(kid="sA1"), bad)
    case("another algorithm", code(algorithm=-7), bad)
    case("an unsigned header", code(unprotected={1: -8}), bad)
    for claim, name in ((4, "end"), (6, "beginning"), (9, "offer"), (-65537, "pointer")):
        case(f"a code without its {name}", code(drop=claim), bad)
    case("a presentation code", code(kid="pA1"), "online-only")
    case("the last second of a code", code(born=0, minutes=10), left=1, now=NOW + timedelta(minutes=10, seconds=-1))
    case("the moment a code ends", code(born=0, minutes=10), "code-expired", now=NOW + timedelta(minutes=10))
    case("issued a minute ahead of the device", code(born=1), left=1)
    case("issued two minutes ahead of the device", code(born=2), bad)
    case("before the pack was made: the clock went back", code(), "pack-stale", now=MADE_AT - timedelta(seconds=1))
    case("the last second of the pack", code(born=1400), left=1, now=MADE_AT + timedelta(hours=24, seconds=-1))
    case("the moment the pack ends", code(born=1400), "pack-stale", now=MADE_AT + timedelta(hours=24))
    short = {"pack": "one-hour"}
    case(
        "the last second of a pack that may be an hour old", code(), left=1, now=NOW + timedelta(seconds=1799), **short
    )
    case("a pack that is older than the city allows", code(), "pack-stale", now=NOW + timedelta(minutes=30), **short)
    case("worth 80 yuan of the 200 that the device may admit", code(8, WORTH), left=3)
    case("160 of 200 yuan with this one", code(8, WORTH), left=3, since={"by_offer": {str(WORTH): 1}})
    case("it would be 240 of 200 yuan", code(8, WORTH), "offline-limit", since={"by_offer": {str(WORTH): 2}})
    case("another offer's admissions do not count", code(8, WORTH), left=3, since={"by_offer": {str(TICKET): 3}})
    case("a limit in yuan, and nobody said what a use is worth", code(9, WORTHLESS), "offline-not-allowed")
    case("a single use that is worth more than the limit", code(9, DEAR), "offline-limit")
    case("a use gone by the pack and one of the value since", code(20, WORTH), left=1,
         since={"by_status": {"20": 1}, "by_offer": {str(WORTH): 1}})  # fmt: skip
    return made


def vectors() -> dict[str, Any]:
    later = MADE_AT + timedelta(hours=48)
    return {
        "about": "packs by name; each case: judge `code` at `now` with `since`. The keys are fixed and sign nothing.",
        "packs": {
            "good": pack(status_list(ends=later)),
            "one-hour": pack(status_list(ends=later), hours=1),
            "list-forged": pack(status_list(ends=later, signer="cB2")),
            "list-wrong-key": pack(status_list("cA1", ends=later)),
            "list-ended": pack(status_list(ends=NOW)),
        },
        "cases": cases(),
    }


def written() -> str:
    return json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
    print(f"{FILE.name}: {len(vectors()['cases'])} cases")
