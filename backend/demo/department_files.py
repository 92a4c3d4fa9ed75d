"""Files as the demo's departments would send them: official columns, synthetic people and shops, planted faults.

Each item has a clean file and a faulty one; the answer key says of every row what must become of it. The same seed,
day and subjects give the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from pathlib import Path
from typing import Any

from backend.demo import department_formats as formats
from backend.demo.department_faults import ACCEPTED, KINDS, Fault, planted
from backend.demo.department_rows import Clerk, Department, Row, Subjects, columns, departments
from backend.demo.vocabulary import SEED, Vocabulary

CLEAN_ROWS = 24
README = "说明.txt"
ANSWERS = "answers.json"
PLAN = (
    ("LE-PEN-01", "区市场监督管理局", "csv-gb18030", "xlsx"),
    ("LE-LIC-01", "区行政审批局", "xlsx", "csv-bom"),
    ("LE-ABN-01", "区市场监督管理局", "csv", "json"),
    ("NP-PRO-01", "区行政审批局", "csv-bom", "csv"),
    ("NP-HON-01", "区发展和改革委员会", "json", "xlsx"),
    ("NP-QUA-01", "区人力资源和社会保障局", "csv", "csv-gb18030"),
    ("NP-PEN-02", "市公安局江宁分局", "xlsx", "csv"),
)
"""Item, who reports it, the form of the clean file and of the faulty one."""


@dataclass(frozen=True)
class DepartmentFile:
    """One file. ``faults``: by number of the row, the first under the head being 1. ``whole``: why it is refused.
    ``documents``: what the rows would say if they were as the documents are; the rows themselves where it is empty.
    """

    name: str
    item: Mapping[str, Any]
    department: Department
    form: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Row]
    faults: Mapping[int, Fault] = dataclass_field(default_factory=dict)
    documents: Sequence[Row] = ()
    whole: str = ""

    @property
    def item_code(self) -> str:
        return str(self.item["code"])

    @property
    def media_type(self) -> str:
        return formats.MEDIA_TYPE[formats.SUFFIX[self.form]]

    def encoded(self) -> bytes:
        """The file's bytes."""
        title = f"{self.item['title']}报送表（演示）"
        return formats.encoded(self.form, title, self.item, self.columns, self.rows)

    def verdict(self, number: int) -> str:
        """What must become of a row."""
        fault = self.faults.get(number)
        return fault.kind.verdict if fault else ACCEPTED

    def answers(self) -> dict[str, Any]:
        """The answer key: every row that is more than plainly accepted."""
        titles = dict(self.columns)
        return {
            "file": self.name, "item_code": self.item_code, "department": self.department.name,
            "form": formats.FORM_TITLE[self.form], "rows": len(self.rows), "refused_whole": self.whole or None,
            "faults": [
                {"row": number, "kind": fault.kind.code, "what": fault.kind.title,
                 "column": titles.get(fault.column, ""), "verdict": fault.kind.verdict, "told": fault.kind.told}
                for number, fault in sorted(self.faults.items())
            ],
        }  # fmt: skip


def files(
    items: Mapping[str, Mapping[str, Any]], words: Vocabulary, subjects: Subjects, today: date, series: str = "A"
) -> list[DepartmentFile]:
    """All files of a day. ``series``: other letters give other documents. ``items``: the catalogue's, by code."""
    known = departments(words)
    made: list[DepartmentFile] = []
    for item_code, name, clean_form, faulty_form in PLAN:
        rng = random.Random(f"{SEED}/{today}/{series}/{item_code}")
        clerk = Clerk(rng, words.words["department_words"], known[name], subjects, today, series)
        clean = _clean(items[item_code], clerk, clean_form)
        made += [clean, _faulty(items[item_code], clerk, faulty_form, clean.rows)]
        if item_code == "LE-PEN-01":
            made += _refused(clean)
        if item_code == "NP-QUA-01":
            made.append(_named(clean, "anothers-item", department=known["区行政审批局"]))
    return made


def _clean(item: Mapping[str, Any], clerk: Clerk, form: str) -> DepartmentFile:
    rows = [clerk.row(item) for _ in range(CLEAN_ROWS)]
    if "id_number" in rows[0] and (found := [one for one in clerk.people(item) if one.id_number.endswith("X")]):
        rows[0].update(name=found[0].name, id_number=found[0].id_number)
    return DepartmentFile(_name(item, "clean", form), item, clerk.department, form, columns(item), rows)


def _faulty(item: Mapping[str, Any], clerk: Clerk, form: str, known: Sequence[Row]) -> DepartmentFile:
    found = [one for one in planted(item, clerk, known) if _fits(form, one.fault)]
    faults = {number: one.fault for number, one in enumerate(found, 1) if one.fault}
    rows, documents = [one.row for one in found], [one.document for one in found]
    name = _name(item, "faulty", form)
    return DepartmentFile(name, item, clerk.department, form, columns(item), rows, faults, documents)


def _fits(form: str, fault: Fault | None) -> bool:
    """A workbook cannot hold control characters; a formula in JSON is text like any other."""
    left_out = {"xlsx": ("control-character",)}
    return fault is None or fault.kind.code not in left_out.get(form, ())


def _refused(clean: DepartmentFile) -> Iterator[DepartmentFile]:
    rows = [{**row, "unknown": "演示"} for row in clean.rows]
    more = (*clean.columns, ("unknown", "处罚人员手机号"))
    yield _named(clean, "unknown-column", form="csv", columns=more, rows=rows)
    fewer = tuple(column for column in clean.columns if column[0] != "penalty_content")
    yield _named(clean, "missing-column", form="csv", columns=fewer)


def _named(clean: DepartmentFile, kind: str, **changed: Any) -> DepartmentFile:
    form = changed.get("form", clean.form)
    same = {"item": clean.item, "department": clean.department, "columns": clean.columns, "rows": clean.rows}
    return DepartmentFile(**{**same, **changed, "form": form, "name": _name(clean.item, kind, form), "whole": kind})


def _name(item: Mapping[str, Any], kind: str, form: str) -> str:
    return f"{item['code']}-{kind}.{formats.SUFFIX[form]}"


# --- on disk ---------------------------------------------------------------------------------------------------------


def write(folder: Path, made: Sequence[DepartmentFile], today: date) -> None:
    """Put the files, their answer key and a word about them into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in made:
        (folder / one.name).write_bytes(one.encoded())
    answers = {"today": today.isoformat(), "files": [one.answers() for one in made]}
    (folder / ANSWERS).write_text(json.dumps(answers, ensure_ascii=False, indent=1), "utf-8")
    (folder / README).write_text(_readme(made, today), "utf-8-sig")


def _readme(made: Sequence[DepartmentFile], today: date) -> str:
    lines = [
        f"部门数据文件（演示），生成于 {today}。人物、商户、文书全部是合成的。",
        "",
        "每个条目一份正确的（clean）、一份有误的（faulty）。先报正确的，再报有误的；",
        f"有误的文件里每处毛病应当得到什么结果，写在 {ANSWERS}。",
        "用下面单位的数据专员登录（用户名和密码在 instance/demo.json 的 staff 里）。",
        "文件里的日期随生成的那一天走，过几天请重新生成：flask demo department-files 文件夹",
        "",
    ]
    for one in made:
        what = KINDS[one.whole].title if one.whole else f"{len(one.faults)} 处毛病" if one.faults else "没有毛病"
        lines.append(f"{one.name}")
        lines.append(f"    {one.item['title']}；{one.department.name}；{formats.FORM_TITLE[one.form]}")
        lines.append(f"    {len(one.rows)} 行，{what}")
    return "\r\n".join(lines) + "\r\n"
