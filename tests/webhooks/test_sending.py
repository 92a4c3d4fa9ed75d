"""One POST, whatever answers: within its time, not a byte more than is kept, and never somewhere else."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.webhooks import sending
from backend.webhooks.sending import Line
from tests.webhook_receiver import Answer, Receiver
from tests.webhooks.conftest import LOOPBACK

pytestmark = pytest.mark.once
NAMED = frozenset({"till.intranet", "127.0.0.1"})


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.6)
    return 0.6


def test_what_is_sent_is_json_and_says_whom_it_is_for(receiver: Receiver) -> None:
    answer = Line(LOOPBACK).post(receiver.url + "?a=b", {"webhook-id": "x"}, b'{"a":1}')
    assert answer == sending.Answer(200, "", "ok", 0)
    (one,) = receiver.arrived
    assert (one.path, one.body) == ("/hook?a=b", b'{"a":1}')
    assert one.headers["content-type"] == "application/json" and one.headers["webhook-id"] == "x"
    assert one.headers["host"] == f"127.0.0.1:{receiver.port}" and "authorization" not in one.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answers = lambda _: Answer(status, headers=(("Location", receiver.url + "/elsewhere"),))
    answer = Line(LOOPBACK).post(receiver.url, {}, b"{}")
    assert (answer.status, answer.error) == (status, "redirect")
    assert [one.path for one in receiver.arrived] == ["/hook"]


@pytest.mark.parametrize(("status", "word"), [(204, ""), (299, ""), (400, "status"), (410, "gone"), (500, "status")])
def test_a_status_is_a_success_or_not(receiver: Receiver, status: int, word: str) -> None:
    receiver.answers = lambda _: Answer(status, b"" if status == 204 else b"x")
    assert Line(LOOPBACK).post(receiver.url, {}, b"{}")[:2] == (status, word)


@pytest.mark.parametrize(("asked", "heeded"), [("120", 120), ("-1", 0), ("soon", 0), ("9" * 9, 0)])
def test_a_wish_for_a_later_try_is_read(receiver: Receiver, asked: str, heeded: int) -> None:
    receiver.answers = lambda _: Answer(429, headers=(("Retry-After", asked),))
    assert Line(LOOPBACK).post(receiver.url, {}, b"{}").asked_seconds == heeded


def test_of_a_huge_answer_the_first_500_characters_are_kept_as_plain_text(receiver: Receiver) -> None:
    receiver.answers = lambda _: Answer(500, b"\x00\x1b[31m" + "错误\n\u202e".encode() + b"x" * 5_000_000)
    answer = Line(LOOPBACK).post(receiver.url, {}, b"{}")
    assert len(answer.text) == 500 and answer.text.startswith("  [31m错误  xxx")


def test_nobody_who_listens_and_a_closed_door_are_told_apart(receiver: Receiver) -> None:
    receiver.answers = lambda _: Answer(drop=True)
    assert Line(LOOPBACK).post(receiver.url, {}, b"{}") == sending.Answer(None, "broken-answer")
    with Receiver() as gone:
        pass
    assert Line(LOOPBACK).post(gone.url, {}, b"{}") == sending.Answer(None, "not-reached")


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(drip=True)], ids=["silence", "a drip"])
def test_silence_and_a_drip_of_headers_end_with_the_time_for_all_of_it(
    receiver: Receiver, briefly: float, answer: Answer
) -> None:
    receiver.answers = lambda _: answer
    begun = time.monotonic()
    assert Line(LOOPBACK).post(receiver.url, {}, b"{}") == sending.Answer(None, "timeout")
    assert time.monotonic() - begun < briefly + 2


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, ssl.SSLContext]]:
    """A receiver whose certificate names till.intranet, and what trusts it."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(certificate("till.intranet"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Receiver(tls=context) as found:
        yield found, ssl.create_default_context(cafile=str(path))


def certificate(name: str) -> bytes:
    key, who = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.9"))])
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


def to(found: Receiver, host: str, trust: ssl.SSLContext) -> sending.Answer:
    line = Line(NAMED | {"other.intranet"}, lambda *_: ["127.0.0.1"], lambda: trust)
    return line.post(f"https://{host}:{found.port}/hook", {}, b"{}")


def test_the_certificate_is_held_against_the_name_though_the_address_was_chosen_here(
    secured: tuple[Receiver, ssl.SSLContext],
) -> None:
    found, trust = secured
    assert to(found, "till.intranet", trust) == sending.Answer(200, "", "ok")
    assert found.arrived[-1].headers["host"] == f"till.intranet:{found.port}"


def test_a_certificate_for_another_name_or_of_nobody_we_trust_is_refused(
    secured: tuple[Receiver, ssl.SSLContext], tmp_path: Path
) -> None:
    found, trust = secured
    before = len(found.arrived)
    assert to(found, "other.intranet", trust) == sending.Answer(None, "tls")
    assert to(found, "till.intranet", ssl.create_default_context()) == sending.Answer(None, "tls")
    assert len(found.arrived) == before
