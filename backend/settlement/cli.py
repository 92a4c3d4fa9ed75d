"""`flask settlement …`: the proof that closed statements are what was closed."""

from __future__ import annotations

import click

from backend.kit import db
from backend.settlement import service


@click.group("settlement")
def settlement() -> None:
    """结算单。"""


@settlement.command("verify")
def verify_command() -> None:
    """重算每一份已关账结算单的合计与摘要；有不一致时退出码为 1。"""
    with db.reading() as reader:
        found = service.problems(reader)
    for problem in found:
        click.echo(problem, err=True)
    if found:
        raise click.exceptions.Exit(1)
    click.echo("已关账的结算单与关账时逐行一致。")
