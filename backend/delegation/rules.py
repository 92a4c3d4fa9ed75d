"""Who may act for whom, and until when: pure functions over facts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from backend.accounts.rules import ADULT_YEARS, Limit, is_adult

GUARDIAN_OF_CHILD, GUARDIAN_OF_WARD, HELPER = "guardian", "ward", "helper"
ACTS_AS = {GUARDIAN_OF_CHILD: "guardian", GUARDIAN_OF_WARD: "guardian", HELPER: "helper"}
"""Under which name a kind stands in the permissions and in the access log."""
TITLES = {GUARDIAN_OF_CHILD: "监护人", GUARDIAN_OF_WARD: "监护人", HELPER: "窗口工作人员"}

HELP_MINUTES = 30
LONGEST_DAYS = 366
"""Where the city's ``[delegations]`` says nothing else: a guardian comes back every year."""
HELPS_PER_CLERK = Limit(40, timedelta(hours=1))
"""More people than can stand before one counter within an hour."""


class Sides(NamedTuple):
    """Who would act and who would be acted for, by birth date."""

    same: bool
    guardian_born_on: date
    born_on: date


def of_age_on(born_on: date) -> date:
    """The day on which someone completes 18 years; for 29 February in a common year 1 March (民法典第十七条)."""
    year = born_on.year + ADULT_YEARS
    try:
        return born_on.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def may_register(kind: str, sides: Sides, today: date) -> str:
    """``""`` when a guardian of this kind may be registered today, else why not (a key of ``errors.WHY``)."""
    if sides.same:
        return "same-person"
    if not is_adult(sides.guardian_born_on, today):
        return "guardian-not-adult"
    of_age = is_adult(sides.born_on, today)
    if kind == GUARDIAN_OF_CHILD and of_age:
        return "not-a-child"
    return "not-of-age" if kind == GUARDIAN_OF_WARD and not of_age else ""


def last_day(kind: str, born_on: date, starts_on: date, longest_days: int) -> date:
    """The last day that a guardian can be registered for: by the city's limit, of a child the eve of coming of age."""
    by_limit = starts_on + timedelta(days=longest_days - 1)
    return min(by_limit, of_age_on(born_on) - timedelta(days=1)) if kind == GUARDIAN_OF_CHILD else by_limit


def lint_limits(limits: dict[str, Any]) -> list[str]:
    """What is wrong with the city's ``[delegations]``."""
    problems = []
    for name, default, most in (("help_minutes", HELP_MINUTES, 120), ("longest_days", LONGEST_DAYS, 1098)):
        value = limits.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            problems.append(f"delegations.{name} 应为 1 至 {most} 的整数")
    return problems
