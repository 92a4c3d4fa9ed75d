"""A file as it streams by: what it really is, how it is encoded, whether its quotes pair, how many rows it has.

What can be told before a row is judged is told while the file still arrives, so that nothing of a broken one is kept.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from backend.intake.errors import FileRefused

PIECE_BYTES = 1024 * 1024
MOST_ROWS = 1_000_000
MOST_HEAD_ROWS = 10
"""Rows among which the head is looked for: clerks write a title above it."""
LONGEST_RECORD_BYTES = 2 * PIECE_BYTES
CSV, XLSX, JSON = "csv", "xlsx", "json"
FORMATS = {
    "text/csv": CSV,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": XLSX,
    "application/json": JSON,
}
"""By media type."""

_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "PDF 文件"), (b"PK\x03\x04", "Excel 工作簿或压缩包"),
    (b"\xd0\xcf\x11\xe0", "旧版 Excel（.xls）或加密的文件"), (b"{\\rtf", "RTF 文档"), (b"\x89PNG", "图片"),
    (b"\xff\xd8\xff", "图片"), (b"GIF8", "图片"), (b"\x1f\x8b", "压缩包"), (b"7z\xbc\xaf", "压缩包"),
    (b"Rar!", "压缩包"), (b"\x7fELF", "程序"), (b"MZ", "程序"), (b"SQLite format", "数据库"),
)  # fmt: skip
_WIDE = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_SAVE_AS = "请在表格软件里另存为“CSV UTF-8（逗号分隔）”再上传"
_ALL_BUT_QUOTES_AND_ENDS = bytes(byte for byte in range(256) if byte not in b'"\n')


def require_format(told: str, start: bytes) -> None:
    """Raise FileRefused unless the first bytes may begin a file of the format that was told."""
    found = next((kind for mark, kind in _KINDS if start.startswith(mark)), "")
    if told == XLSX:
        if not start.startswith(b"PK\x03\x04"):
            raise FileRefused("not-a-workbook", f"这不是 .xlsx 工作簿，而是{found or '别的格式'}")
        return
    if found:
        raise FileRefused("not-a-csv", f"这不是 CSV，而是{found}；{_SAVE_AS}")
    if wide := next((name for mark, name in _WIDE if start.startswith(mark)), ""):
        raise FileRefused("encoding", f"文件是 {wide} 编码；{_SAVE_AS}")
    if start[:200].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise FileRefused("not-a-csv", f"这不是 CSV，而是网页或 XML；{_SAVE_AS}")
    if start[:4096].count(0) > len(start[:4096]) // 8:
        raise FileRefused("not-a-csv", f"这不是文本文件；{_SAVE_AS}")


def _is_chinese(start: bytes) -> bool:
    """Whether bytes that are UTF-8 are so by more than chance: another encoding does not read as words of ours."""
    return sum("\u4e00" <= character <= "\u9fff" for character in start.decode("utf-8")) >= 8


def records_in(piece: bytes, quoted: bool = False) -> tuple[int, bool]:
    """How many records end in these bytes, and whether they end within quotes. ``quoted``: whether they begin so.

    What stands between two quotes without a line's end changes neither, so that nearly all of it is left out at once.
    """
    marks = piece.translate(None, _ALL_BUT_QUOTES_AND_ENDS).replace(b'""', b"").split(b'"')
    return sum(map(len, marks[1 if quoted else 0 :: 2])), quoted ^ (len(marks) % 2 == 0)


@dataclass(frozen=True)
class Scanned:
    """``rows``: records of the file, its head and titles among them."""

    encoding: str
    rows: int


class Scanner:
    """Looks at a CSV piece by piece. Raises FileRefused as soon as something is wrong with it."""

    def __init__(self) -> None:
        self.encoding = ""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._rows = self._silent = self._size = 0
        self._quoted = self._ended = self._returns = False

    def feed(self, piece: bytes) -> None:
        """The next piece, of :data:`PIECE_BYTES` at most."""
        if not piece:
            return
        if self._size == 0:
            require_format(CSV, piece)
        self._decode(piece)
        self._returns = self._returns or b"\r" in piece
        self._count(piece)
        self._size += len(piece)
        self._ended = piece.endswith(b"\n")

    def finish(self) -> Scanned:
        """What the file is, now that all of it has passed."""
        if self._decoder is not None:
            self._decode(b"", final=True)
        if self._quoted or (self._rows == 0 and self._returns):
            raise self._unpaired()
        rows = self._rows + (0 if self._ended or not self._size else 1)
        if rows == 0:
            raise FileRefused("empty", "文件是空的")
        return Scanned(self.encoding or "utf-8", rows)

    def _decode(self, piece: bytes, final: bool = False) -> None:
        """Check the encoding. The first text that is not ASCII decides between UTF-8 and GB18030."""
        try:
            if self._decoder is not None:
                self._decoder.decode(piece, final)
            elif not piece.isascii():
                self._choose(piece)
        except UnicodeDecodeError:
            found = self.encoding.upper() or "UTF-8 或 GB18030"
            raise FileRefused("encoding", f"第 {self._rows + 1} 行之后有不是 {found} 的内容；{_SAVE_AS}") from None

    def _choose(self, piece: bytes) -> None:
        for encoding in ("utf-8", "gb18030"):
            decoder = codecs.getincrementaldecoder(encoding)("strict")
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                if encoding == "gb18030" or _is_chinese(piece[: error.start]):
                    raise
                continue
            self.encoding, self._decoder = encoding, decoder
            return

    def _count(self, piece: bytes) -> None:
        """Rows and quotes."""
        ends, self._quoted = records_in(piece, self._quoted)
        self._rows += ends
        self._silent = 0 if ends else self._silent + len(piece)
        if self._silent > LONGEST_RECORD_BYTES:
            raise self._unpaired()
        if self._rows > MOST_ROWS + MOST_HEAD_ROWS:
            raise FileRefused("too-many-rows", f"超过 {MOST_ROWS:,} 行；请拆成几个文件")

    def _unpaired(self) -> FileRefused:
        if self._rows == 0 and self._returns and not self._quoted:
            return FileRefused("line-ends", f"行尾不是换行符；{_SAVE_AS}")
        return FileRefused("quotes", f"第 {self._rows + 1} 行起有双引号没有配对，或一行太长；{_SAVE_AS}")
