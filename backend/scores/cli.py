"""Commands of the scores."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click
from tqdm import tqdm

from backend.kit import city, db
from backend.scores import runs, service
from backend.scoring import linter, places


@click.group("scores")
def scores() -> None:
    """信用分：检查评分办法，重新计算。"""


@scores.command("lint")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def lint(folder: Path) -> None:
    """检查城市目录 FOLDER 中的 scoring.toml：只许激励、有依据、不含社区生活、等级可达。"""
    contents = city.read_folder(folder)
    told = [f"scoring.toml：{problem}" for problem in linter.scoring_problems(contents["scoring"], contents)]
    for problem in places.placed(told, (folder / "scoring.toml").read_text("utf-8")):
        where = problem.file if problem.line is None else f"{problem.file} 第 {problem.line} 行"
        click.echo("：".join(part for part in (where, problem.place, problem.text) if part), err=True)
    if told:
        raise click.exceptions.Exit(1)
    click.echo("scoring.toml：没有问题")


@scores.command("recompute")
@click.option("--resident", "resident_id", type=click.UUID, help="只计算这一位；不写则计算全部同意的人。")
def recompute(resident_id: UUID | None) -> None:
    """按今天的评分办法重新计算。可以随时中断，再次运行即从断点继续。"""
    if resident_id is not None:
        with db.transaction() as session:
            found = service.recompute(session, resident_id, "request")
        click.echo("没有同意，不计算" if found is None else "已计算")
        return
    with db.reading() as reader:
        version = service.plan(reader).version
    computed = changed = 0
    with tqdm(total=runs.expected(), unit="人", disable=None) as bar:
        for progress in runs.asked(version):
            bar.update(progress.computed - bar.n)
            computed, changed = progress
    click.echo(f"完成，计算 {computed} 人，{changed} 人的分数或等级有变化")
