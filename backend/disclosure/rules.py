"""What may stand in a cell: pure functions."""

from __future__ import annotations

from backend.kit.sheets import cell, table

FIELDS = {
    "name": "姓名", "id_number": "身份证号", "phone": "手机号", "wallet": "积分", "records": "信用信息",
    "consents": "同意事项",
}  # fmt: skip
"""Every field that can be exported. The score is none: it never leaves (国办发〔2020〕49号)."""

SHARED_STATES = {"active": "有效", "disputed": "存在异议"}
"""Repaired, withdrawn and expired records are not shared with anybody (信用修复管理办法)."""

__all__ = ["FIELDS", "SHARED_STATES", "cell", "table"]
