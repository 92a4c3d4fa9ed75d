"""The deployment guide says what is so: its commands exist, its answers are understood, its two editions keep step."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import click
import pytest
from flask import Flask

from backend.setup import answers
from backend.setup.command import setup_command
from config.settings import ROOT, Settings

pytestmark = pytest.mark.once
GUIDES = {name: (ROOT / name).read_text("utf-8") for name in ("DEPLOYMENT.md", "DEPLOYMENT.zh-CN.md")}
ENGLISH, CHINESE = GUIDES.values()


def blocks(guide: str) -> list[str]:
    return re.findall(r"(?ms)^```\w+\n(.*?)^```", guide)


def commands(block: str) -> list[str]:
    """The lines without what they say in a comment."""
    return [
        line for line in (re.sub(r"\s+# .*$|^\s*#   .*$", "", each).rstrip() for each in block.splitlines()) if line
    ]


def test_both_editions_have_the_same_commands_and_as_many_sections() -> None:
    assert [commands(block) for block in blocks(ENGLISH)] == [commands(block) for block in blocks(CHINESE)]
    assert len(re.findall(r"(?m)^##+ ", ENGLISH)) == len(re.findall(r"(?m)^##+ ", CHINESE))
    assert re.findall(r"(?m)^\| (`.*?`) \|", ENGLISH) == [
        re.sub("目录", "FOLDER", row).replace("数据库地址", "URL").replace("文件", "FILE").replace("、", ", ")
        for row in re.findall(r"(?m)^\| (`.*?`) \|", CHINESE)
    ]


def test_every_setting_is_explained() -> None:
    for one in dataclasses.fields(Settings):
        name = "DATABASE_URL" if one.name == "database_url" else f"XINYI_{one.name.upper()}"
        if name == "XINYI_WECHAT_BASE_URL":
            continue  # nobody sets it in production
        for guide in GUIDES.values():
            assert f"`{name}`" in guide, name


def test_the_commands_that_it_names_exist(app: Flask) -> None:
    known: dict[str, click.Command] = {**app.cli.commands, "setup": setup_command}
    named = set(re.findall(r"(?:# |`)xinyi ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", ENGLISH + CHINESE))
    assert len(named) > 10
    for first, second in named:
        assert first in known, f"xinyi {first}"
        group = known[first]
        if isinstance(group, click.Group) and second:
            assert second in group.commands, f"xinyi {first} {second}"


def test_the_answers_file_of_the_guide_is_understood(tmp_path: Path) -> None:
    for guide in GUIDES.values():
        [block] = re.findall(r"(?ms)^```toml\n(.*?)^```", guide)
        path = tmp_path / "answers.toml"
        path.write_text(block, "utf-8")
        read = answers.read(path)
        assert read.settings["DATABASE_URL"].startswith("postgresql+psycopg://xinyi@/")
        assert [person.role for person in read.people] == ["account-admin", "office"]


def test_the_files_that_it_names_exist() -> None:
    for path in re.findall(
        r"/opt/xinyi/(config/[\w./*-]+)|\]\((config/[\w./-]+|DEPLOYMENT[\w.-]+)\)", ENGLISH + CHINESE
    ):
        [name] = filter(None, path)
        assert list(ROOT.glob(name)), name
