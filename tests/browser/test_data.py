"""A department sends a faulty file, mends what comes back and sends it again; the office decides about the rest."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Locator, expect

from backend.demo import department_files
from backend.demo.department_files import DepartmentFile
from backend.demo.department_rows import Shop, Subjects
from backend.demo.vocabulary import Vocabulary
from backend.kit import clock
from config.settings import ROOT
from tests.browser.desks import at_desk
from tests.browser.people import Demo
from tests.browser.watching import Watched
from tests.support.repairs import repaired

pytestmark = [pytest.mark.browser, pytest.mark.once]
Open = Callable[..., Watched]
CITY = ROOT / "config" / "cities" / "320115"
FIRST_SERIAL = 8000
"""Of shops that nobody else in the demo knows."""


def files() -> dict[str, DepartmentFile]:
    """The files of a department of the demo, about shops of this test's own, by name."""
    words = Vocabulary.read(CITY)
    people = list(words.people(60))
    shops = [
        Shop(f"演示报送商店{n:02d}", words.credit_code(FIRST_SERIAL + n, company=False), people[n].name)
        for n in range(20)
    ]
    items = {item["code"]: item for item in tomllib.loads((CITY / "catalogue.toml").read_text("utf-8"))["items"]}
    series = f"浏览{clock.now():%H%M%S}"
    made = department_files.files(items, words, Subjects(people, shops), clock.today(), series)
    return {one.name: one for one in made}


def save(one: DepartmentFile, folder: Path) -> Path:
    path = folder / one.name
    path.write_bytes(one.encoded())
    return path


def send(page: Watched, path: Path, item: str = "") -> None:
    page.page.get_by_role("link", name="报送", exact=True).click()
    if item:
        page.page.get_by_label("条目").select_option(item)
    page.page.get_by_label("文件", exact=True).set_input_files(path)
    page.press("送出")


def outcome(page: Watched, name: str) -> Locator:
    return page.page.locator("#outcome tr").filter(has_text=name).locator("td")


def test_a_faulty_file_is_mended_by_what_comes_back(open_page: Open, demo: Demo, tmp_path: Path) -> None:
    made = files()
    clean, faulty = made["LE-LIC-01-clean.xlsx"], made["LE-LIC-01-faulty.csv"]
    page = at_desk(open_page, demo, "/app/data", "区行政审批局数据专员")
    page.page.get_by_label("条目").select_option("LE-LIC-01")
    page.page.locator("summary").first.click()
    page.sees("行政许可决定文书号")
    page.is_usable()
    send(page, save(clean, tmp_path), "LE-LIC-01")
    expect(outcome(page, "入档")).to_have_text("24")
    send(page, save(faulty, tmp_path), "LE-LIC-01")
    expect(outcome(page, "退回")).to_have_text("12")
    expect(page.page.locator("#findings tbody tr")).to_have_count(11)  # two wrong dates are one line
    page.is_usable()
    _decided(open_page, demo, faulty.name)
    page.page.reload()
    expect(outcome(page, "退回")).to_have_text("13")
    with page.page.expect_download() as coming:
        page.press("下载 CSV")
    back = tmp_path / "rejected.csv"
    back.write_bytes(repaired(Path(coming.value.path()).read_bytes(), faulty))
    page.page.get_by_role("link", name="再报送").click()
    expect(page.page.get_by_label("条目")).to_have_value("LE-LIC-01")
    page.page.get_by_label("文件", exact=True).set_input_files(back)
    page.press("送出")
    expect(outcome(page, "已审核")).to_have_text("13")
    expect(page.page.locator("#findings")).to_have_count(0)  # nothing comes back any more
    _taken_back(page)


def _decided(open_page: Open, demo: Demo, file_name: str) -> None:
    """The office returns the row whose name is another's."""
    office = at_desk(open_page, demo, "/app/data", "信用办工作人员")
    office.page.get_by_role("link", name="隔离").click()
    batch = office.page.locator("section.card[data-batch]").filter(has_text=file_name).first
    batch.get_by_role("link", name="查看").click()
    row = office.page.locator("#quarantined")
    expect(row).to_contain_text("档案的名称")
    office.is_usable()
    office.press("退回")
    expect(office.page.get_by_label("裁定理由")).to_be_focused()  # nothing is decided without a reason
    office.page.get_by_label("裁定理由").fill("按证照核对，名称写错")
    office.press("退回")
    office.page.get_by_role("dialog").get_by_role("button", name="退回").click()
    expect(row).to_contain_text("已退回")


def _taken_back(page: Watched) -> None:
    page.page.locator("summary").filter(has_text="撤回").click()
    page.page.get_by_label("理由").fill("报错了月份")
    page.press("撤回这一批")
    page.page.get_by_role("dialog").get_by_role("button", name="撤回").click()
    expect(page.page.locator(".tag").first).to_have_text("已撤回")
    page.page.get_by_role("link", name="批次").click()
    expect(page.page.locator("#batches")).to_contain_text("rejected.csv")
    page.is_usable()


def test_a_file_that_is_none_is_refused_at_once_and_says_why(open_page: Open, demo: Demo, tmp_path: Path) -> None:
    page = at_desk(open_page, demo, "/app/data", "区行政审批局数据专员")
    picked = tmp_path / "scan.pdf"
    picked.write_bytes(b"%PDF-1.7")
    page.page.get_by_label("文件", exact=True).set_input_files(picked)
    assert page.page.evaluate("document.querySelector('#file').validationMessage") == "请选 .csv、.xlsx 或 .json 文件"
    send(page, picked.rename(tmp_path / "scan.csv"))
    page.sees("这不是 CSV，而是PDF 文件")


# --- the guide -------------------------------------------------------------------------------------------------------


def _run(script: str, folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env={**os.environ, "no_proxy": "*", **env}, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="the guide's commands need curl")
def test_the_guides_commands_do_what_it_says(demo: Demo, tmp_path: Path) -> None:
    """Every command of REPORTING.md, in its order, by a department of the demo."""
    guide = (ROOT / "REPORTING.md").read_text("utf-8")
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", guide)
    until = next(n for n, block in enumerate(blocks) if "-o rejected.csv" in block) + 1
    sent = replace(files()["LE-PEN-01-faulty.xlsx"], form="csv")
    (tmp_path / "penalties.csv").write_bytes(sent.encoded())
    one = demo.one("staff", "区应急管理局数据专员")  # whom no other test signs in: a code works once
    env = {"BASE": f"{demo.base_url}/api/v1", "REPORTER": one["username"], "PASSWORD": one["password"]}
    env["CODE"] = pyotp.TOTP(one["totp_secret"]).now()
    told = _run("\n".join([*blocks[:until], 'echo; echo "$TOKEN $BATCH"']), tmp_path, env)
    env["TOKEN"], env["BATCH"] = told.splitlines()[-1].split()
    batch = _told(tmp_path, "batch.json")
    assert (batch["status"], batch["rows_judged"], batch["rows_rejected"] > 8) == ("done", len(sent.rows), True)
    assert "不是日期" in told and "template.csv" in {path.name for path in tmp_path.iterdir()}
    back = tmp_path / "rejected.csv"
    back.write_bytes(repaired(back.read_bytes(), sent))
    _run("\n".join(blocks[until:]), tmp_path, env)
    assert _told(tmp_path, "again.json")["status"] == "received"
    assert _told(tmp_path, "withdrawn.json")["status"] in ("withdrawing", "withdrawn")


def _told(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text("utf-8"))
    return found
