"""The settings file: written once with fresh secrets, added to afterwards, its keys never overwritten."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from backend.setup.answers import QUESTIONS, SetupRefused
from config import secrets_file
from config.settings import Settings, SettingsError, new_secrets

NAMES = frozenset(question.name for question in QUESTIONS) | frozenset(new_secrets())
ASKED = frozenset(question.name for question in QUESTIONS if question.words)
"""An empty answer to one of these is an answer, and is written down."""
MADE = tuple(new_secrets())
"""The names of the secrets that the house makes itself."""


def known(path: Path, env: Mapping[str, str]) -> dict[str, str]:
    """What the file and the environment say already. Raises SetupRefused when the file cannot be taken."""
    said = {name: value for name, value in env.items() if name in NAMES and value.strip()}
    if not path.exists():
        return said
    try:
        return {**secrets_file.read(path), **said}
    except (OSError, ValueError) as error:
        raise SetupRefused(str(error)) from None


def complete(held: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """What is missing in ``held``: the given values and fresh secrets. Raises SetupRefused where an answer contradicts.

    The keys under which data is sealed stand in one place alone; whoever wants another key rotates it.
    """
    contradictions = [name for name, value in given.items() if held.get(name, value) != value]
    if contradictions:
        raise SetupRefused(
            f"设置里的 {'、'.join(contradictions)} 与回答不同，没有改动。"
            "要改请直接编辑设置文件；密钥请用 flask keys 轮换。"
        )
    fresh = {name: value for name, value in new_secrets().items() if name not in held}
    return {name: value for name, value in {**given, **fresh}.items() if name not in held and (value or name in ASKED)}


def judged(path: Path, values: dict[str, str]) -> Settings:
    """The settings that these values make. Raises SetupRefused with everything that is wrong."""
    try:
        return Settings.from_env({**values, "PATH": os.environ.get("PATH", "")})
    except SettingsError as error:
        lines = "\n".join(f"  - {problem}" for problem in error.problems)
        raise SetupRefused(f"{path} 还不完整：\n{lines}") from None


def write(path: Path, added: dict[str, str]) -> None:
    """Add lines to the file, or make it, readable by its owner alone, whole or not at all."""
    if not added:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = (
        path.read_text("utf-8") if path.exists() else "# 信易+ 的设置。含有密钥：只让服务的用户读，另存一份离线保管。\n"
    )
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(old if old.endswith("\n") else old + "\n")
        file.writelines(f"{name}={value}\n" for name, value in added.items())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
