"""The demo's people, doing through the API what a test does not want to click through again."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image


class Demo:
    """The hand-over of a running demo, whose data lie in ``folder``."""

    def __init__(self, told: dict[str, Any], folder: Path) -> None:
        self.told = told
        self.folder = folder
        self.base_url: str = told["base_url"]
        self.taken = 0

    def fresh_resident(self) -> dict[str, str]:
        """A resident whom nobody has bound yet."""
        adults: list[dict[str, str]] = [one for one in self.told["residents"] if "未成年" not in one["label"]]
        while self.taken < len(adults):
            one = adults[self.taken]
            self.taken += 1
            if not Resident(self, one).call("GET", "/me")["bound"]:
                return one
        raise AssertionError("every adult of the demo is bound: start it over")

    def one(self, kind: str, label: str) -> dict[str, Any]:
        """The one of ``kind`` whose label has ``label`` in it."""
        return next(one for one in self.told[kind] if label in one["label"])

    def resident(self) -> Resident:
        """A fresh resident, signed in and bound."""
        resident = Resident(self, self.fresh_resident())
        resident.bind()
        return resident


class Resident:
    """A resident with a token."""

    def __init__(self, demo: Demo, one: dict[str, str]) -> None:
        self.api, self.headers = f"{demo.base_url}/api/v1", dict[str, str]()
        self.one, self.wechat = one, f"{demo.told['wechat_url']}/stand-in"
        tokens = self.call("POST", "/auth/wechat", json={"code": self._code("login")})
        self.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def _code(self, kind: str) -> str:
        answer = httpx.post(f"{self.wechat}/{kind}-codes", json={"openid": self.one["openid"]}, trust_env=False)
        return str(answer.json()["code"])

    def bind(self) -> None:
        """Become the person of the hand-over."""
        proof = {"kind": "wechat_phone", "value": self._code("phone")}
        body = {"name": self.one["name"], "id_number": self.one["id_number"], "proof": proof}
        self.call("PUT", "/me/identity", json=body)

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {**self.headers, "Idempotency-Key": str(uuid4())}
        answer = httpx.request(method, f"{self.api}{path}", headers=headers, timeout=20, trust_env=False, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def coupon_for(self, offer_id: str) -> str:
        """Redeem an offer; the coupon's id."""
        made = self.call("POST", f"/perks/offers/{offer_id}/redemptions")
        return str(made["coupon"]["id"])

    def code_of(self, coupon_id: str) -> str:
        """A fresh code of a coupon."""
        return str(self.call("POST", f"/me/coupons/{coupon_id}/codes")["code"])

    def presentation_code(self) -> str:
        return str(self.call("POST", "/me/presentation-codes", json={"purpose": "offer"})["code"])


def photograph() -> bytes:
    """A small JPEG to hand in as proof."""
    image = Image.new("RGB", (640, 480), (120, 170, 130))
    for x in range(0, 640, 16):
        for y in range(0, 480, 16):
            image.putpixel((x, y), (x % 256, y % 256, datetime.now(UTC).microsecond % 256))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def filmed(picture: bytes, frames: int = 3) -> bytes:
    """A short film (Y4M, 640 × 480) in which somebody holds the picture still."""
    scene = Image.new("L", (640, 480), 235)
    with Image.open(io.BytesIO(picture)) as image:
        scene.paste(image.convert("L"), ((640 - image.width) // 2, (480 - image.height) // 2))
    frame = b"FRAME\n" + scene.tobytes() + b"\x80" * (2 * 320 * 240)
    return b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + frame * frames
