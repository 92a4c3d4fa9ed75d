"""`flask ledger …`: the proof, and what an operator does by hand."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from backend.kit import clock, db, trail
from backend.kit.ids import NIL
from backend.ledger import jobs, rules, service


@click.group("ledger")
def ledger() -> None:
    """积分账：核对、额度、到期。"""


@ledger.command("audit")
@click.option("--chunk", default=500, show_default=True, type=click.IntRange(1, 100_000), help="每批核对的钱包数。")
@click.option("--quiet", is_flag=True, help="不显示进度。")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False),
              help="进度文件：中断后以同一文件再次执行，从中断处继续；全部核对完后删除。")  # fmt: skip
def audit_command(chunk: int, quiet: bool, state: Path | None) -> None:
    """从第一笔流水起核对余额、批次、分配、冻结、额度、系统账户与日结是否一致；有不一致时退出码为 1。"""

    def progress(report: service.Report) -> None:
        if state:
            part = state.with_name(state.name + ".part")
            part.write_text(json.dumps(report.as_state()), "utf-8")
            part.replace(state)
        if not quiet:
            click.echo(f"… 已核对钱包 {report.wallets}，流水 {report.transfers}", err=True)

    begun = _begun(state) if state and state.exists() else None
    with db.reading() as reader:
        report = service.audit(reader, chunk=chunk, progress=progress, begun=begun)
    if state:
        state.unlink(missing_ok=True)
    for line in summary(report):
        click.echo(line)
    for found in report.disagreements:
        click.echo(f"不一致：{found.where} {found.key}：{found.what}", err=True)
    if report.further:
        click.echo(f"不一致：另有 {report.further} 处。", err=True)
    if not report.agrees:
        raise click.exceptions.Exit(1)


def _begun(state: Path) -> service.Report:
    try:
        return service.resumed(json.loads(state.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{state} 不是进度文件：{error}") from None


def summary(report: service.Report) -> list[str]:
    """What was proved, in counts and totals."""
    kinds = "，".join(f"{kind} {total}" for kind, total in sorted(report.by_kind().items()))
    verdict = "全部一致。" if report.agrees else f"发现 {len(report.disagreements) + report.further} 处不一致。"
    return [
        f"钱包 {report.wallets} 个，余额合计 {report.wallet_points}：等于其批次、分配与流水之和，条目编号连续。",
        f"流水 {report.transfers} 笔，合计 {report.moved_points}：每笔借贷相等，分配之和等于其对钱包的影响。",
        f"批次 {report.lots} 个，分配 {report.allocations} 条：每批剩余等于其分配之和。",
        f"额度 {report.budgets} 个：下达与已发均等于流水之和。冻结的退回与结算均不超过冻结额。",
        f"系统账户余额：{kinds or '无'}；连同钱包合计为零。",
        f"日结 {report.days} 天：每天各账户的借贷、笔数与余额等于当天流水之和，前后相接。",
        verdict,
    ]


@ledger.command("grant-budget")
@click.argument("organisation_id", type=click.UUID)
@click.argument("month", type=click.DateTime(["%Y-%m"]))
@click.argument("points", type=click.IntRange(1, rules.MOST_POINTS))
@click.option("--reason", default="", help="依据，例如文件号。")
def grant_budget_command(organisation_id: UUID, month: datetime, points: int, reason: str) -> None:
    """给一个单位下达某月（YYYY-MM）的积分额度；同月多次下达累加。"""
    with db.transaction() as session:
        granted = service.grant_budget(session, organisation_id, month.date(), points, None, reason)
        detail = {"month": f"{month:%Y-%m}", "points": points, "transfer_id": str(granted.id)}
        trail.note(session, NIL, "command-line", "ledger.budget", "organisation", organisation_id, detail)
        now = service.budget(session, organisation_id, month.date())
    click.echo(f"{month:%Y-%m} 额度 {now.granted_points}，已发 {now.spent_points}。")


@ledger.command("expire")
def expire_command() -> None:
    """把截至今天（上海）已到期的积分入账；可重复执行。"""
    click.echo(jobs.expire(clock.today()))
