"""Codes signed, read, refused; keys and revocations in time; against real decoders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import base45
import cbor2
import cwt
import pytest
from cwt import COSE, COSEKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from backend.codes import keys, rules, signing
from backend.codes import service as codes
from backend.codes.errors import WHY, CodeExpired, CodeNotVerified, SigningKeyMissing
from backend.codes.models import CodeKey
from backend.codes.rules import Claims, Purpose, StatusRef
from backend.kit import clock
from backend.kit.errors import NotFound

RESIDENT, COUPON, OFFER = uuid4(), uuid4(), uuid4()
COUPON_CLAIMS = Claims(subject_id=COUPON, resident_id=RESIDENT, offer_id=OFFER, status=StatusRef(0, 77))
LARGEST = Claims(
    subject_id=COUPON,
    resident_id=RESIDENT,
    offer_id=OFFER,
    status=StatusRef(rules.MOST_LISTS - 1, rules.STATUS_LIST_BITS - 1),
)
CLAIMS = {
    Purpose.COUPON: COUPON_CLAIMS,
    Purpose.PRESENTATION: Claims(resident_id=RESIDENT, use="perks"),
    Purpose.CHECK_IN: Claims(subject_id=OFFER),
}


def why(call: Callable[[], object]) -> str:
    with pytest.raises(CodeNotVerified) as refused:
        call()
    assert refused.value.members["why"] in WHY and refused.value.detail_zh
    return str(refused.value.members["why"])


def why_refused(session: Session, text: str) -> str:
    return why(lambda: codes.read_code(session, "coupon", text))


def message_of(text: str) -> bytes:
    return base45.b45decode(text.removeprefix(rules.PREFIX))


def text_of(message: bytes) -> str:
    return rules.PREFIX + base45.b45encode(message).decode()


def resigned(session: Session, purpose: Purpose, payload: bytes) -> str:
    """Anything at all, genuinely signed by us."""
    key = keys.signing_key(session, purpose)
    return text_of(COSE.new().encode_and_sign(payload, key.signer, protected={1: -8, 4: key.kid.encode()}))


# signing and reading


def test_a_coupon_code_says_what_was_signed(keyed: Session) -> None:
    signed = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300)
    read = codes.read_code(keyed, "coupon", signed.text)
    assert (read.subject_id, read.resident_id, read.offer_id) == (COUPON, RESIDENT, OFFER)
    assert read.status == StatusRef(0, 77) and read.issuer == "320115" and read.use == ""
    assert read.expires_at == signed.expires_at
    assert read.expires_at - read.issued_at == timedelta(seconds=300)


def test_a_presentation_and_a_check_in_code_say_what_was_signed(keyed: Session) -> None:
    shown = codes.sign_code(keyed, Purpose.PRESENTATION, CLAIMS[Purpose.PRESENTATION], 60)
    read = codes.read_code(keyed, Purpose.PRESENTATION, shown.text)
    assert (read.resident_id, read.use, read.offer_id, read.status) == (RESIDENT, "perks", None, None)
    screen = codes.sign_code(keyed, Purpose.CHECK_IN, CLAIMS[Purpose.CHECK_IN], 3600)
    read = codes.read_code(keyed, Purpose.CHECK_IN, screen.text)
    assert (read.subject_id, read.resident_id) == (OFFER, None)


def test_a_code_may_be_given_the_instant_of_its_end(keyed: Session) -> None:
    end = clock.now() + timedelta(minutes=5)
    signed = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, end)
    assert timedelta(0) <= end - signed.expires_at < timedelta(seconds=1)
    with pytest.raises(CodeExpired):
        codes.read_code(keyed, "coupon", codes.sign_code(keyed, "coupon", COUPON_CLAIMS, clock.now()).text)


@pytest.mark.parametrize("seconds", [-1, 601, 10**9])
def test_a_code_cannot_outlive_its_purpose(keyed: Session, seconds: int) -> None:
    with pytest.raises(ValueError):
        codes.sign_code(keyed, "presentation", CLAIMS[Purpose.PRESENTATION], seconds)


@pytest.mark.parametrize("purpose", list(CLAIMS))
def test_a_code_is_good_until_its_last_second_and_no_longer(keyed: Session, purpose: Purpose) -> None:
    signed = codes.sign_code(keyed, purpose, CLAIMS[purpose], 60)
    with clock.at(signed.expires_at - timedelta(seconds=2)):
        codes.read_code(keyed, purpose, signed.text)
    with clock.at(signed.expires_at), pytest.raises(CodeExpired) as expired:
        codes.read_code(keyed, purpose, signed.text)
    assert expired.value.members["expired_at"].endswith("Z")
    read_at = codes.read_code(keyed, purpose, signed.text, at=signed.expires_at - timedelta(seconds=1))
    with clock.shifted(timedelta(days=3)):
        assert codes.read_code(keyed, purpose, signed.text, at=read_at.issued_at) == read_at


def test_a_code_from_the_future_is_not_verified(keyed: Session) -> None:
    with clock.shifted(timedelta(minutes=5)):
        signed = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 600)
    assert why(lambda: codes.read_code(keyed, "coupon", signed.text)) == "not-yet-valid"
    with clock.shifted(timedelta(seconds=30)):
        ahead = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 600)
    codes.read_code(keyed, "coupon", ahead.text)


@pytest.mark.parametrize("made", list(CLAIMS))
@pytest.mark.parametrize("wanted", list(CLAIMS))
def test_a_code_passes_only_for_its_own_purpose(keyed: Session, made: Purpose, wanted: Purpose) -> None:
    signed = codes.sign_code(keyed, made, CLAIMS[made], 60)
    if made == wanted:
        codes.read_code(keyed, wanted, signed.text)
    else:
        assert why(lambda: codes.read_code(keyed, wanted, signed.text)) == "wrong-purpose"


def test_a_code_survives_how_scanners_and_fingers_hand_it_over(keyed: Session) -> None:
    text = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text
    for spelt in (f"\n {text}\r\n", text.lower(), f"\t{text.swapcase()} "):
        assert codes.read_code(keyed, "coupon", spelt).subject_id == COUPON


def test_signing_and_reading_ask_the_database_once_and_then_no_more(keyed: Session) -> None:
    keyed.info.clear()
    codes.forget_keys()
    asked: list[str] = []
    connection = keyed.connection()
    event.listen(connection, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for _ in range(5):
        codes.read_code(keyed, "coupon", codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text)
    assert len(asked) == 1, asked
    forged = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text
    assert why(lambda: codes.read_code(keyed, "coupon", with_kid(forged, b"cZZ"))) == "unknown-key"
    assert len(asked) == 1, "an unknown key id right after a load does not load again"
    codes.forget_keys()


# forgery


def with_kid(text: str, kid: bytes) -> str:
    raw = message_of(text)
    return text_of(raw[:8] + kid + raw[11:])


def attacker() -> COSEKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    x, d = private.public_key().public_bytes_raw(), private.private_bytes_raw()
    return COSEKey.new({1: 1, 3: -8, -1: 6, -2: x, -4: d})


def test_any_flipped_bit_is_refused(keyed: Session) -> None:
    raw = message_of(codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text)
    for place in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        assert why_refused(keyed, text_of(bytes(changed))) in ("malformed", "unknown-key", "bad-signature")


def test_a_forged_signature_is_refused_under_known_and_unknown_key_ids(keyed: Session) -> None:
    text = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text
    kid, payload = rules.framed(message_of(text))
    forged = text_of(COSE.new().encode_and_sign(payload, attacker(), protected={1: -8, 4: kid.encode()}))
    assert why(lambda: codes.read_code(keyed, "coupon", forged)) == "bad-signature"
    assert why(lambda: codes.read_code(keyed, "coupon", with_kid(text, b"c!!"))) == "malformed"
    other = keys.signing_key(keyed, Purpose.PRESENTATION).kid.encode()
    assert why(lambda: codes.read_code(keyed, "presentation", with_kid(text, other))) == "bad-signature"


def test_no_other_algorithm_and_no_missing_signature_is_accepted(keyed: Session) -> None:
    text = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text
    kid, payload = rules.framed(message_of(text))
    public = keys.known_key(keyed, kid)
    assert public is not None
    x = base64url(public.public_jwk["x"])
    mac_key = COSEKey.new({1: 4, 2: kid.encode(), 3: 5, -1: x})  # the public key used as an HMAC secret
    attempts = {
        "unsigned map": payload,
        "tagged unsigned map": cbor2.dumps(cbor2.CBORTag(61, cbor2.loads(payload))),
        "mac with the public key": COSE.new().encode_and_mac(payload, mac_key, protected={1: 5, 4: kid.encode()}),
        "no signature": cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -8, 4: kid.encode()}), {}, payload, b""])),
        "alg none": cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({4: kid.encode()}), {}, payload, bytes(64)])),
        "alg es256": cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -7, 4: kid.encode()}), {}, payload, bytes(64)])),
        "zero signature": cbor2.dumps(
            cbor2.CBORTag(18, [cbor2.dumps({1: -8, 4: kid.encode()}), {}, payload, bytes(64)])
        ),
    }
    for message in attempts.values():
        assert why_refused(keyed, text_of(message)) in ("malformed", "bad-signature")


def base64url(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_libraries_own_decoder_would_take_an_unsigned_map() -> None:
    """Why codes are taken apart by `rules.framed` first: should this ever fail, the reason is gone."""
    claims = {rules.ISS: "320115", rules.EXP: 4_000_000_000}
    assert cwt.decode(cbor2.dumps(claims), attacker()) == claims


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xa0",
        b"\x00",
        b"\xff",
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        cbor2.dumps({rules.ISS: "320115"}),
        cbor2.dumps({rules.ISS: "320115", rules.EXP: 10.5, rules.IAT: 1, rules.CTI: bytes(16)}),
        cbor2.dumps({rules.ISS: "320115", rules.EXP: True, rules.IAT: 1, rules.CTI: bytes(16)}),
        cbor2.dumps({rules.ISS: "320115", rules.EXP: 2**40, rules.IAT: 1, rules.CTI: bytes(16)}),
        cbor2.dumps({rules.ISS: "999999", rules.EXP: 2**32 - 1, rules.IAT: 1, rules.CTI: bytes(16)}),
        cbor2.dumps(
            {rules.ISS: "320115", rules.EXP: 2**32 - 1, rules.IAT: 1, rules.CTI: bytes(16), rules.OURS: [b"x" * 22]}
        ),
        cbor2.dumps(
            {rules.ISS: "320115", rules.EXP: 2**32 - 1, rules.IAT: 1, rules.CTI: bytes(16), rules.OURS: [b"x"]}
        ),
    ],
)
def test_even_what_we_signed_ourselves_is_read_strictly(keyed: Session, payload: bytes) -> None:
    assert why(lambda: codes.read_code(keyed, "coupon", resigned(keyed, Purpose.COUPON, payload))) == "malformed"


def test_hostile_input_is_refused_and_never_breaks_anything(keyed: Session) -> None:
    genuine = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text
    raw = message_of(genuine)

    @given(
        st.text()
        | st.text().map(lambda t: "XY1:" + t)
        | st.binary(max_size=200).map(text_of)
        | st.text(alphabet=base45.BASE45_CHARSET, max_size=258).map(lambda t: "XY1:" + t)
        | st.tuples(st.integers(0, len(raw)), st.binary(max_size=20)).map(
            lambda cut: text_of(raw[: cut[0]] + cut[1] + raw[cut[0] + len(cut[1]) :])
        )
        | st.none()
        | st.integers()
        | st.binary()
    )
    def attack(thing: str) -> None:
        for purpose in CLAIMS:
            try:
                read = codes.read_code(keyed, purpose, thing)
            except CodeNotVerified:
                continue
            assert purpose == Purpose.COUPON and thing.strip().upper() == genuine and read.subject_id == COUPON

    attack()


# what a code gives away


def test_pointers_of_one_resident_never_look_alike(keyed: Session) -> None:
    def pointer(text: str) -> bytes:
        body = cbor2.loads(rules.framed(message_of(text)).payload)
        return bytes(body[rules.OURS][0])

    seen = set()
    for second in range(20):
        with clock.shifted(timedelta(seconds=2 * second)):
            seen.add(pointer(codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text))
            other = Claims(subject_id=uuid4(), resident_id=RESIDENT, offer_id=OFFER)
            seen.add(pointer(codes.sign_code(keyed, "coupon", other, 300).text))
            seen.add(pointer(codes.sign_code(keyed, "presentation", CLAIMS[Purpose.PRESENTATION], 60).text))
    assert len(seen) == 60


def test_a_code_carries_no_trace_of_its_resident(keyed: Session) -> None:
    for purpose in (Purpose.COUPON, Purpose.PRESENTATION):
        raw = message_of(codes.sign_code(keyed, purpose, CLAIMS[purpose], 60).text)
        assert RESIDENT.bytes not in raw and RESIDENT.hex.encode() not in raw


def test_two_presentations_share_nothing_but_issuer_and_times(keyed: Session) -> None:
    one, two = (
        cbor2.loads(rules.framed(message_of(codes.sign_code(keyed, "presentation", c, 60).text)).payload)
        for c in [CLAIMS[Purpose.PRESENTATION]] * 2
    )
    assert one[rules.CTI] != two[rules.CTI] and one[rules.OURS] != two[rules.OURS]


def test_a_pointer_moved_into_another_code_does_not_open(keyed: Session) -> None:
    first = cbor2.loads(rules.framed(message_of(codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text)).payload)
    moved = {**first, rules.CTI: uuid4().bytes}
    text = resigned(keyed, Purpose.COUPON, cbor2.dumps(moved))
    assert why(lambda: codes.read_code(keyed, "coupon", text)) == "malformed"


# keys in time


def test_without_keys_signing_says_so_and_reading_verifies_nothing(session: Session, bound: None) -> None:
    codes.ensure_keys(session, "320115")
    text = codes.sign_code(session, "coupon", COUPON_CLAIMS, 300).text
    for row in session.scalars(select(CodeKey)):
        session.delete(row)
    session.flush()
    with pytest.raises(SigningKeyMissing):
        codes.sign_code(session, "coupon", COUPON_CLAIMS, 300)
    assert why(lambda: codes.read_code(session, "coupon", text)) == "unknown-key"
    assert codes.signing_gaps(session) == [p.value for p in Purpose]


def test_ensuring_keys_twice_makes_them_once(keyed: Session) -> None:
    assert codes.ensure_keys(keyed, "320115") == []
    assert codes.signing_gaps(keyed) == []


@pytest.mark.parametrize("issuer", ["", "3201", "32011５", "nanjin", "3201155"])
def test_an_issuer_is_a_division_code(session: Session, bound: None, issuer: str) -> None:
    with pytest.raises(ValueError):
        codes.ensure_keys(session, issuer)


def test_private_keys_are_sealed_and_never_published(keyed: Session) -> None:
    for row in keyed.scalars(select(CodeKey)):
        assert row.secret_sealed is not None and row.secret_sealed.startswith("a1$m1$")
        assert "d" not in row.public_jwk
    assert all("d" not in key and key["crv"] == "Ed25519" for key in codes.jwks(keyed)["keys"])
    assert "a1$" not in repr(keys.keys(keyed))


def test_a_rotated_key_is_published_before_it_signs_and_the_old_one_stays_for_its_codes(keyed: Session) -> None:
    old = keys.signing_key(keyed, Purpose.COUPON).kid
    new = codes.rotate_key(keyed, Purpose.COUPON)
    assert codes.rotate_key(keyed, Purpose.COUPON) == new, "a second rotation finds the successor waiting"

    def published() -> set[str]:
        return {key["kid"] for key in codes.offline_keys(keyed)}

    def signer() -> str:
        return rules.framed(message_of(codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text)).kid

    assert published() == {old, new} and signer() == old
    with clock.shifted(keys.LEAD - timedelta(minutes=1)):
        assert signer() == old
        last = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 31 * 24 * 3600)
    with clock.shifted(keys.LEAD + timedelta(minutes=1)):
        assert signer() == new and published() == {old, new}
        assert codes.tend_keys(keyed)["erased"] == 1
        assert codes.read_code(keyed, "coupon", last.text).subject_id == COUPON
    with clock.at(last.expires_at - timedelta(seconds=5)):
        assert codes.read_code(keyed, "coupon", last.text).subject_id == COUPON and published() == {old, new}
    with clock.shifted(keys.LEAD + timedelta(days=31, minutes=1)):
        assert published() == {new}
        with pytest.raises(CodeExpired):
            codes.read_code(keyed, "coupon", last.text)
        codes.read_code(keyed, "coupon", last.text, at=last.expires_at - timedelta(minutes=5))
    with clock.shifted(keys.LEAD + timedelta(days=31 + 91)):
        assert codes.tend_keys(keyed)["deleted"] == 1
        assert why(lambda: codes.read_code(keyed, "coupon", last.text)) == "unknown-key"


def test_a_code_of_a_retired_key_that_lives_too_long_is_refused(keyed: Session) -> None:
    text = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 3600).text
    past = clock.now() - timedelta(seconds=1)
    keyed.execute(update(CodeKey).values(retires_at=past, verifies_until=past))
    assert why(lambda: codes.read_code(keyed, "coupon", text)) == "unknown-key"


def test_a_withdrawn_key_verifies_nothing_and_a_successor_signs_at_once(keyed: Session) -> None:
    signed = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300)
    kid = rules.framed(message_of(signed.text)).kid
    successor = codes.withdraw_key(keyed, kid)
    assert why(lambda: codes.read_code(keyed, "coupon", signed.text)) == "key-withdrawn"
    earlier = signed.expires_at - timedelta(seconds=200)
    assert why(lambda: codes.read_code(keyed, "coupon", signed.text, at=earlier)) == "key-withdrawn"
    again = codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text
    assert rules.framed(message_of(again)).kid == successor
    assert [key["kid"] for key in codes.offline_keys(keyed)] == [successor]
    assert codes.withdraw_key(keyed, kid) is None
    with pytest.raises(NotFound):
        codes.withdraw_key(keyed, "c--")


def test_keys_of_half_a_year_are_rotated_by_the_daily_care(keyed: Session) -> None:
    assert codes.tend_keys(keyed) == {"rotated": 0, "erased": 0, "deleted": 0}
    with clock.shifted(keys.ROTATE_AFTER + timedelta(hours=1)):
        assert codes.tend_keys(keyed)["rotated"] == len(Purpose)
        assert codes.tend_keys(keyed)["rotated"] == 0
        states = {key["state"] for key in codes.key_states(keyed)}
    assert states == {"signing", "waiting"}


def test_the_keys_of_a_transaction_that_rolls_back_are_kept_from_others(keyed: Session) -> None:
    codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300)
    assert keys._cache.get(keys.engine_of(keyed)) is None


def test_uuid_claims_are_sixteen_raw_bytes(keyed: Session) -> None:
    raw = message_of(codes.sign_code(keyed, "coupon", COUPON_CLAIMS, 300).text)
    assert COUPON.bytes in raw and OFFER.bytes in raw
    assert isinstance(signing.read_code(keyed, "coupon", text_of(raw)).subject_id, UUID)
