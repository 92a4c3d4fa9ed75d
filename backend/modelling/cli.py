"""A scoring policy in a folder, tried on the city from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from backend.kit import city, clock, db
from backend.kit.ids import NIL
from backend.modelling import results, rules
from backend.modelling.rules import Tally
from backend.scores import service as scores
from backend.scoring.published import KIND


@click.command("simulate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def simulate(folder: Path) -> None:
    """把城市目录 FOLDER 中的 scoring.toml 在全市模拟一遍，与执行中的版本比较；不保存任何东西。"""
    contents = city.read_folder(folder)
    if problems := scores.lint_policy(contents[KIND], contents):
        for problem in problems:
            click.echo(f"scoring.toml：{problem}", err=True)
        raise click.exceptions.Exit(1)
    content = contents[KIND]
    base, tally = _tried(content)
    told = results.result(tally, base.content, content)
    click.echo(f"与执行中的版本 {base.version} 相比（人数取整到 {rules.FEW}，{rules.FEW} 人以下写作 <{rules.FEW}）")
    _matrix(told)
    for line in told["summary"]:
        click.echo(line)


def _tried(content: dict[str, Any]) -> tuple[city.Policy, Tally]:
    with db.reading() as reader:
        base, total = city.get(reader, KIND), scores.consenting(reader)
        draft = scores.compile_policy(city.Policy(KIND, "draft", clock.today(), content), db.dialect_of(reader))
    bars, tally, after = rules.bars_over(base.content["scale"], content["scale"]), Tally(), NIL
    with tqdm(total=total, unit="人", disable=None) as bar:
        while True:
            with db.reading() as reader:
                rows, last = scores.simulate_chunk(reader, draft, base.version, after)
            if last is None:
                return base, tally
            bar.update(tally.add(rows, bars))
            after = last


def _matrix(told: dict[str, Any]) -> None:
    after = told["levels_after"]
    counts = {(one["from"], one["to"]): one["residents"] for one in told["moves"]}
    click.echo("\t".join(["原等级 \\ 新等级", *(f"{one.id} {one.name}" for one in after)]))
    for start in (*told["levels_before"], None):
        if start is not None or any(key[0] is None for key in counts):
            name = f"{start.id} {start.name}" if start else "还没有分数"
            cells = (counts.get((start, end), 0) for end in after)
            click.echo("\t".join([name, *(f"<{rules.FEW}" if cell is None else str(cell) for cell in cells)]))
