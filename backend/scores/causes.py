"""Why a score is computed anew."""

from __future__ import annotations

CAUSES = {
    "consent": "同意计算信用分",
    "record-added": "有新的记录",
    "record-corrected": "记录已更正",
    "record-active": "记录恢复使用",
    "record-disputed": "对记录提出异议，暂停使用",
    "record-repaired": "记录已修复，停止使用",
    "record-withdrawn": "记录已撤销，停止使用",
    "record-expired": "记录已到期",
    "records-loaded": "有新的记录",
    "time": "随时间折算或到期",
    "policy": "评分办法更新",
    "request": "重新计算",
}
"""Why a score was computed anew, in words for the resident."""
