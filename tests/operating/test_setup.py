"""Setup: asks only what is not known, repeats harmlessly, overwrites no key, and says plainly what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
import zxingcpp
from PIL import Image

from backend.setup import answers, settings_file, steps
from backend.setup.answers import SetupRefused
from config.settings import ROOT, new_secrets
from tests.support.installing import Installation

pytestmark = [pytest.mark.once, pytest.mark.timeout(90)]
KEYS = ("XINYI_MASTER_KEYS", "XINYI_HASH_KEYS", "XINYI_SESSION_KEYS", "XINYI_OPERATION_SECRET")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, f"sqlite:///{tmp_path}/instance/x.db", 9000, "https://localhost:1")


def keys(installation: Installation) -> dict[str, str]:
    lines = dict(line.split("=", 1) for line in installation.file.read_text().splitlines() if not line.startswith("#"))
    return {name: lines[name] for name in KEYS}


def test_setup_repeats_without_a_question_and_without_a_change(installation: Installation) -> None:
    first = installation.set_up()
    assert "新造 5 个密钥" in first.stdout and "账号 admin（账号管理员）" in first.stdout
    written, handed_over = installation.file.read_bytes(), installation.handover.read_bytes()
    again = installation.set_up()
    assert "沿用已有的密钥" in again.stdout and "账号 admin 已有" in again.stdout and "签名密钥：已有" in again.stdout
    assert (installation.file.read_bytes(), installation.handover.read_bytes()) == (written, handed_over)
    assert installation.file.stat().st_mode & 0o777 == 0o600


def test_what_stands_is_not_overwritten_by_another_answer(installation: Installation) -> None:
    installation.set_up()
    before = installation.file.read_bytes()
    installation.settings["workers"] = 7
    refused = installation.flask("setup", "--from", installation.answers(), "--offline", check=False)
    assert refused.returncode == 1 and "XINYI_WORKERS" in refused.stderr
    assert installation.file.read_bytes() == before


def test_a_hand_over_that_exists_is_not_overwritten_and_no_account_is_made(installation: Installation) -> None:
    installation.handover.parent.mkdir(parents=True)
    installation.handover.write_text("somebody's")
    refused = installation.flask("setup", "--from", installation.answers(), "--offline", check=False)
    assert refused.returncode == 1 and "已经存在" in refused.stderr
    assert installation.handover.read_text() == "somebody's"
    installation.handover.unlink()
    assert "账号 admin（账号管理员）" in installation.set_up().stdout


def test_everything_that_is_missing_is_said_and_nothing_is_written(installation: Installation) -> None:
    del installation.settings["wechat_app_id"]
    installation.settings["public_base_url"] = "http://localhost:1"
    refused = installation.flask("setup", "--from", installation.answers(), "--offline", check=False)
    assert refused.returncode == 1 and "XINYI_WECHAT_APP_ID" in refused.stderr
    assert "Traceback" not in refused.stderr and not installation.file.exists()


def test_a_city_that_breaks_the_rules_is_said_problem_by_problem(installation: Installation) -> None:
    folder = installation.folder / "city"
    folder.mkdir()
    for file in (ROOT / "config" / "cities" / "320115").glob("*.toml"):
        words = file.read_text("utf-8")
        spoilt = file.name in ("perks.toml", "scoring.toml")
        words = re.sub(r'(?m)^version = "[0-9.]+"\n', "", words, count=1) if spoilt else words
        (folder / file.name).write_text(words, "utf-8")
    written = installation.answers(city={"folder": str(folder)})
    refused = installation.flask("setup", "--from", written, "--offline", check=False)
    assert refused.returncode == 1
    assert "perks.toml：缺少 version" in refused.stderr and "scoring.toml：缺少 version" in refused.stderr


def test_a_database_that_does_not_answer_is_said_with_what_to_do(tmp_path: Path) -> None:
    away = Installation(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/none", 9000, "https://localhost:1")
    refused = away.flask("setup", "--from", away.answers(), "--offline", check=False)
    assert refused.returncode == 1 and "createdb" in refused.stderr and "Traceback" not in refused.stderr


def test_a_database_with_somebody_elses_tables_is_left_alone(installation: Installation) -> None:
    import sqlite3
    from contextlib import closing

    path = installation.folder / "instance" / "x.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE neighbours (a)")
    refused = installation.flask("setup", "--from", installation.answers(), "--offline", check=False)
    assert refused.returncode == 1 and "neighbours" in refused.stderr


@pytest.mark.parametrize(
    "written", ["[nonsense]\na = 1", "[settings]\nmaster_keys = 'm1:x'", "[administrator]\nname = 'x'", "= 1"]
)
def test_an_answer_that_is_not_understood_stops_everything(tmp_path: Path, written: str) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(written, "utf-8")
    with pytest.raises(SetupRefused):
        answers.read(path)


def test_keys_are_made_once_and_what_is_known_is_kept() -> None:
    held = new_secrets()
    added = settings_file.complete(held, {"XINYI_CITY": "320115", **held})
    assert added == {"XINYI_CITY": "320115"}
    with pytest.raises(SetupRefused, match="XINYI_MASTER_KEYS"):
        settings_file.complete(held, {"XINYI_MASTER_KEYS": new_secrets()["XINYI_MASTER_KEYS"]})


def test_what_the_environment_says_is_known_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    secrets = new_secrets()
    held = settings_file.known(path, {**secrets, "XINYI_CITY": "320115", "PATH": "/bin"})
    assert held == {**secrets, "XINYI_CITY": "320115"}
    assert settings_file.complete(held, {"XINYI_CITY": "320115"}) == {}


def test_a_settings_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text("XINYI_CITY=320115\n")
    path.chmod(0o644)
    with pytest.raises(SetupRefused, match="chmod 600"):
        settings_file.known(path, {})


def test_the_code_in_the_terminal_can_be_scanned() -> None:
    uri = steps.Credentials("admin", "x", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").uri
    lines = steps.terminal_qr(uri).splitlines()
    ink = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows = [[ink[glyph][half] for glyph in line] for line in lines for half in (0, 1)]
    picture = Image.new("L", (len(rows[0]), len(rows)))
    picture.putdata([pixel for row in rows for pixel in row])
    found = zxingcpp.read_barcode(picture.resize((len(rows[0]) * 6, len(rows) * 6), Image.Resampling.NEAREST))
    assert found is not None and found.text == uri


class Terminal:
    """Setup as a person meets it: a process whose questions are answered one by one."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**env, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.said = ""

    def until(self, words: str) -> str:
        assert self.process.stdout is not None
        while words not in self.said:
            character = self.process.stdout.read(1)
            assert character, f"{words!r} was never said:\n{self.said[-1500:]}"
            self.said += character
        before, _, self.said = self.said.partition(words)
        return before

    def answer(self, words: str, text: str = "") -> None:
        self.until(words)
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> str:
        output, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, self.said + output
        return self.said + output


ENTRIES = [
    ["flask", "setup"],
    pytest.param(["flask", "--app", "backend.setup:cli", "setup"], marks=pytest.mark.load),
    pytest.param(["-m", "backend.setup"], marks=pytest.mark.load),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=["flask setup", "flask --app", "python -m"])
def test_a_person_is_asked_in_chinese_and_shows_a_right_code_before_the_account_is_made(
    tmp_path: Path, entry: list[str]
) -> None:
    """Each documented form works where no settings exist yet."""
    python = Path(sys.executable)
    command = [str(python), *entry] if entry[0] == "-m" else [str(python.with_name(entry[0])), *entry[1:]]
    env = {"PATH": os.environ["PATH"], "XINYI_SECRETS_FILE": str(tmp_path / "x.env")}
    terminal = Terminal([*command, "--offline"], env)
    terminal.answer("环境", "test")
    terminal.answer("居民手机打开的地址", "https://localhost:1")
    terminal.answer("区划代码")
    terminal.answer("数据目录", str(tmp_path / "instance"))
    for words in ("图片目录", "备份目录", "数据库地址"):
        terminal.answer(words)
    terminal.answer("进程数", "1")
    terminal.answer("Redis", "-")
    terminal.answer("反向代理")
    terminal.answer("AppID", "wx0123456789abcdef")
    terminal.answer("AppSecret", "0123456789abcdef" * 2)
    terminal.answer("项目办公室的名称")
    terminal.answer("用户名", "a b")
    terminal.answer("3 至 40 个", "chief")
    terminal.answer("姓名", "测试")
    terminal.answer("密码", "1234567890")
    terminal.until("常见")
    terminal.answer("密码（")
    terminal.answer("第一位项目办公室人员", "n")
    terminal.until("或输入：")
    uri = terminal.until("\n").strip()
    terminal.answer("六位数字", "000000")
    terminal.until("不对")
    secret = parse_qs(urlsplit(unquote(uri)).query)["secret"][0]
    terminal.answer("六位数字", pyotp.TOTP(secret).now())
    said = terminal.end()
    assert "密码：" in said and "✓ 账号 chief（账号管理员）" in said and "项正常" in said
    again = Terminal([*command, "--offline"], env)
    assert "沿用已有的密钥" in again.until("第一位项目办公室人员")
    again.answer("吗", "n")
    again.end()


def test_other_commands_say_what_is_missing_instead_of_setting_up(tmp_path: Path) -> None:
    flask = str(Path(sys.executable).with_name("flask"))
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run([flask, "doctor"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "XINYI_MASTER_KEYS is missing" in done.stderr + done.stdout
