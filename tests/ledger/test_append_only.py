from __future__ import annotations

import re
from pathlib import Path

BACKEND = Path(__file__).resolve().parents[2] / "backend"
CHANGES = re.compile(
    r"(update|delete)\(\s*(models\.)?(transfers|allocations|TransferRow|AllocationRow)\b"
    r"|(transfers|allocations)\.(update|delete)\("
    r"|(UPDATE|DELETE\s+FROM|TRUNCATE(\s+TABLE)?)\s+(ledger_transfers|ledger_allocations)",
)


def test_no_code_changes_or_deletes_transfers_or_allocations() -> None:
    found = [
        f"{path.relative_to(BACKEND)}: {match[0]}"
        for path in BACKEND.rglob("*.py")
        for match in CHANGES.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_the_search_would_find_them() -> None:
    for text in ("update(transfers)", "sa.delete(AllocationRow)", "transfers.delete()", "DELETE FROM ledger_transfers"):
        assert CHANGES.search(text), text
