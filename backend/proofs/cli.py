"""Commands, under `flask ledger`: sign what is closed; prove what was published."""

from __future__ import annotations

import json
from pathlib import Path

import click

from backend.kit import db
from backend.kit.errors import DomainError
from backend.ledger import rollup
from backend.proofs import service, verification

MOST_LINES = 1000


@click.command("publish-roots")
def publish_roots() -> None:
    """给已结束的日子封账并签名公布当日的根；可重复执行。"""
    closed = rollup.close_all()
    try:
        made = service.publish_all()
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"封账 {len(closed)} 天，公布 {len(made)} 份根。")


@click.command("verify-roots")
@click.option("--against", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="在别处保存的一份根。")
def verify_roots(against: Path | None) -> None:
    """从流水重算每一天公布的根，核对签名与链；有不符时说明在哪一天，退出码为 1。"""
    kept = json.loads(against.read_text("utf-8")) if against else None
    days = lines = 0

    def count(root: service.Root) -> None:
        nonlocal days, lines
        days, lines = days + 1, lines + root.told["count"]

    found = 0
    with db.reading() as reader:
        for finding in verification.verify(reader, kept, count):
            found += 1
            if found <= MOST_LINES:
                click.echo(str(finding), err=True)
    if found:
        raise click.ClickException(f"{days} 天中发现 {found} 处不符")
    click.echo(f"{days} 天的根与 {lines} 笔流水一致，签名有效，前后相连。")
