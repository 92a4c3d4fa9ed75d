"""``flask records …``: the proof that nothing is kept for longer than it may be."""

from __future__ import annotations

import click

from backend.kit import clock
from backend.kit.db import reading
from backend.records import retention


@click.group("records")
def group() -> None:
    """信用档案。"""


@group.command("prove-retention")
def prove_retention() -> None:
    """证明没有超过保存期的信用信息；有则逐项列出条数，退出码为 1。

    当天的清理任务还没有运行时，以前一天为准。
    """
    with reading() as reader:
        last = retention.last_day(reader)
        day = retention.provable_on(last, clock.today())
        late = retention.overdue(reader, day)
        runs = retention.runs_of(reader, last) if last else []
    for run in runs:
        left = f"最早的保存到 {run.oldest_left_on}" if run.oldest_left_on else "已无存档"
        click.echo(f"{run.day} {run.item_code}：删除 {run.deleted} 条，{left}")
    for one in late:
        click.echo(f"超期 {one.table} {one.item_code}：{one.count} 条，最早的应保存到 {one.oldest_on}", err=True)
    if late:
        raise SystemExit(1)
    click.echo(f"截至 {day}，没有超过保存期的信用信息")
