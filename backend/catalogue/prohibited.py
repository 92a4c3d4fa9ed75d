"""What no archive may ever hold: 《征信业管理条例》 art. 14, and how to know it again under other spellings."""

from __future__ import annotations

import re
import unicodedata

ARTICLE_14_1 = "《征信业管理条例》第十四条第一款"
ARTICLE_14_2 = "《征信业管理条例》第十四条第二款"

_WORDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (ARTICLE_14_1, "宗教信仰", ("宗教|信仰|教派|教徒|信教", "religio", "(^|_)(faith|creed)(_|$)")),
    (
        ARTICLE_14_1, "基因",
        ("基因|遗传|染色体|脱氧核糖", "chromosom", "(^|_)gen(e|es|etics?|ome|omic)(_|$)", "(^|_)dna(_|$)"),
    ),
    (ARTICLE_14_1, "指纹", ("指纹|掌纹|指静脉", "finger_?(print|mark)", "palm_?print")),
    (ARTICLE_14_1, "血型", ("血型|血液类型|血液分型", "blood_?(type|group)")),
    (
        ARTICLE_14_1, "疾病和病史",
        (
            "疾病|病史|病历|病症|病情|病种|患病|传染病|就诊|住院记录|诊断|健康状况", "disease|illness|sickness|diagnos",
            "medical_?(history|record)", "health_?(status|condition|record)",
        ),
    ),
    (
        ARTICLE_14_2, "收入",
        ("收入|工资数额|工资额|月薪|年薪|薪酬|薪资|薪水", "(^|_)(income|salary|wages?|earnings)(_|$)"),
    ),
    (
        ARTICLE_14_2, "存款",
        ("存款|储蓄|账户余额", "bank_?balance", "(^|_)savings(_|$)", "(^|_)deposits?(_amount|_balance)?$"),
    ),
    (
        ARTICLE_14_2, "有价证券",
        (
            "有价证券|证券账户|持有证券|持有股票|股票数量|持有基金|基金份额|持有债券",
            "(^|_)(securities|stock_?holdings?)(_|$)",
        ),
    ),
    (ARTICLE_14_2, "商业保险", ("商业保险|人寿保险|保单|保险金额|投保", "(^|_)insurance(_|$)")),
    (ARTICLE_14_2, "不动产", ("不动产|房产|房屋产权|房屋所有权", "real_?estate", "^property(_(owned|value|no))?$")),
    (
        ARTICLE_14_2, "纳税数额",
        ("纳税数额|纳税额|纳税金额|应纳税额|缴税金额|缴税额|完税金额|税款金额", "tax_?(amount|paid|payable)"),
    ),
)  # fmt: skip
PROHIBITED = tuple((article, what, re.compile("|".join(words))) for article, what, words in _WORDS)
"""Article, what it names, and words by which it is recognised in a title, a column's name or one of its values."""

_INVISIBLE = ("Cf", "Mn", "Cc")


def prohibited(*texts: str) -> str | None:
    """What the first prohibited text names and which article forbids it, in Chinese; None when nothing is wrong."""
    for text in texts:
        spellings = _spellings(text)
        for article, what, pattern in PROHIBITED:
            if any(pattern.search(spelling) for spelling in spellings):
                return f"“{text}”属于{article}禁止采集的信息（{what}）"
    return None


def _spellings(text: str) -> tuple[str, str]:
    """The text as words joined by ``_``, and with nothing between its characters: a space hides no word."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(c for c in plain if unicodedata.category(c) not in _INVISIBLE or c in "\t\r\n")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    words = re.sub(r"[\s\-./·_]+", "_", words).strip("_").lower()
    return words, re.sub(r"[\s\-./·_*]+", "", plain).lower()
