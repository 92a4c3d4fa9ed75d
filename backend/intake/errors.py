"""Refusals of a file as a whole."""

from __future__ import annotations

from backend.kit.errors import DomainError


class FileRefused(DomainError):
    """Members: ``reason``, ``problems``."""

    slug = "file-refused"
    status = 422
    title_zh = "文件不能受理"
    title_en = "The file cannot be taken"
    explain_zh = (
        "文件本身有问题，没有逐行审核。reason 是原因代码，problems 逐条写明问题和改法："
        "不是所说的格式、编码不一致、引号不配对、行数太多、表头缺列或多出目录没有的列、工作簿不安全等。"
    )
    explain_en = (
        "The file as a whole is at fault and its rows were not judged. `reason` is a code, `problems` says in Chinese "
        "what is wrong and how to mend it: another format than told, mixed encodings, unpaired quotes, too many rows, "
        "columns that are missing or that the catalogue lacks, an unsafe workbook …"
    )

    def __init__(self, reason: str, *problems: str) -> None:
        super().__init__("；".join(problems), "", reason=reason, problems=list(problems))
        self.reason = reason
        self.problems = list(problems)
