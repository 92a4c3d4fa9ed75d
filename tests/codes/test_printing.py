"""Printed codes and every picture of a code, read back by real decoders."""

from __future__ import annotations

import io
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy.orm import Session

from backend.codes import drawing, rules
from backend.codes import service as codes
from backend.codes.errors import PrintedCodeUnknown
from backend.codes.rules import Claims, Purpose, StatusRef
from backend.kit import clock

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


# printed codes


def test_a_printed_code_is_found_until_revoked_and_after(keyed: Session) -> None:
    merchant = uuid4()
    code = codes.printed_code(keyed, "merchant", merchant)
    found = codes.lookup_printed(keyed, f" {codes.grouped_printed_code(code).lower()} ")
    assert (found.kind, found.subject_id, found.revoked_at) == ("merchant", merchant, None)
    revoked = codes.revoke_printed(keyed, code, "码牌遗失")
    assert revoked.revoked_at is not None and revoked.reason == "码牌遗失"
    with clock.shifted(timedelta(days=1)):
        assert codes.revoke_printed(keyed, code, "再次") == revoked
    second = codes.printed_code(keyed, "merchant", merchant)
    assert [p.code for p in codes.printed_of(keyed, "merchant", merchant) if p.revoked_at is None] == [second]


@pytest.mark.parametrize("code", ["", "3333333333", "A" * 9, "../../etc", "３" * 10, "0" * 10])
def test_an_unknown_or_mistyped_printed_code_is_unknown(keyed: Session, code: str) -> None:
    with pytest.raises(PrintedCodeUnknown):
        codes.lookup_printed(keyed, code)
    with pytest.raises(PrintedCodeUnknown):
        codes.revoke_printed(keyed, code, "x")


def test_a_revocation_needs_its_reason(keyed: Session) -> None:
    code = codes.printed_code(keyed, "merchant", uuid4())
    for reason in ("", "长" * 201):
        with pytest.raises(ValueError):
            codes.revoke_printed(keyed, code, reason)


# pictures, read by real decoders


def png_of_svg(svg: str, scale: int = 4) -> Image.Image:
    """Draw our own SVG: a white square and one path of horizontal runs."""
    root = ET.fromstring(svg)
    side = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (side, side), 255)
    (path,) = root.findall("{http://www.w3.org/2000/svg}path")
    for run in path.attrib["d"].removesuffix("z").split("z"):
        x, rest = run.removeprefix("M").split(" ")
        y, rest = rest.split("h", 1)
        length = int(rest.split("v")[0])
        for step in range(length):
            image.putpixel((int(x) + step, int(y)), 0)
    return image.resize((side * scale, side * scale), Image.Resampling.NEAREST)


def zxing(image: Image.Image) -> zxingcpp.Barcode:
    """What a phone that looks for QR codes sees; asked for every kind, it may take some of the modules for stripes."""
    (found,) = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return found


def zbar(image: Image.Image, folder: Path) -> str:
    image.save(folder / "code.png")
    run = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "--nodbus", str(folder / "code.png")], capture_output=True, check=True
    )
    return run.stdout.decode().removesuffix("\n")


def largest(session: Session) -> str:
    return codes.sign_code(session, "coupon", LARGEST, 31 * 24 * 3600).text


@pytest.mark.parametrize("draw", [codes.qr_svg, codes.qr_svg_fast])
def test_the_largest_code_fits_version_9_at_level_m_and_is_read(
    keyed: Session, draw: Callable[..., str], tmp_path: Path
) -> None:
    text = largest(keyed)
    image = png_of_svg(draw(text, title='优惠券 <1> & "2"'))
    found = zxing(image)
    assert found.text == text and found.ec_level == "M" and int(found.extra["Version"]) <= 9
    assert codes.read_code(keyed, "coupon", found.text).status == LARGEST.status
    if shutil.which("zbarimg"):
        assert zbar(image, tmp_path) == text


@pytest.mark.parametrize("purpose", list(CLAIMS))
def test_every_kind_of_code_fits_version_9(keyed: Session, purpose: Purpose) -> None:
    claims = Claims(resident_id=RESIDENT, use="a" * 16) if purpose == Purpose.PRESENTATION else CLAIMS[purpose]
    text = codes.sign_code(keyed, purpose, claims, 60).text
    for matrix in (drawing.qr_matrix(text), drawing.qr_matrix_fast(text)):
        assert drawing.qr_version(matrix) <= 9


def test_an_svg_is_accessible_inlinable_and_refers_to_nothing() -> None:
    title = '甲 <b> & "乙"'
    for svg in (codes.qr_svg("XY1:ABC", title), codes.qr_svg_fast("XY1:ABC", title)):
        root = ET.fromstring(svg)
        assert root.attrib["role"] == "img" and root.attrib["aria-label"] == title
        assert root[0].tag.endswith("title") and root[0].text == title
        assert not {"href", "style", "src"} & {name for node in root.iter() for name in node.attrib}
        assert svg.count("http") == 1 and "<?xml" not in svg and "DOCTYPE" not in svg


def test_a_printed_png_is_read_by_real_decoders(tmp_path: Path) -> None:
    url = codes.printed_url("https://xinyi.example.cn", rules.new_printed_code())
    image = Image.open(io.BytesIO(codes.qr_png(url, side_pixels=600)))
    assert image.size[0] <= 600 and image.size[0] == image.size[1]
    found = zxing(image.convert("L"))
    assert found.text == url and int(found.extra["Version"]) == 3
    if shutil.which("zbarimg"):
        assert zbar(image.convert("L"), tmp_path) == url


@pytest.mark.parametrize("name", ["江宁演示小吃店", "某某餐饮管理有限公司百家湖商圈第一分店" * 3, "A & B <Café>"])
def test_a_poster_is_one_page_that_can_be_scanned_and_read(name: str) -> None:
    code = rules.new_printed_code()
    url = codes.printed_url("https://xinyi.example.cn", code)
    pdf = codes.poster_pdf(url, name, "信易+·江宁")
    assert pdf == codes.poster_pdf(url, name, "信易+·江宁")
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    page = document[0]
    found = zxing(page.render(scale=2).to_pil().convert("L"))
    assert found.text == url and found.ec_level == "Q"
    said = page.get_textpage().get_text_range()
    for words in ("信用码", "扫码查看商户信用", codes.grouped_printed_code(code), url, name[:10], "信易+·江宁"):
        assert words in said, (words, said)
