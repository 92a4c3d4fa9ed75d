"""Count how a route answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from prometheus_client import Counter

from backend.kit.errors import DomainError

View = TypeVar("View", bound=Callable[..., Any])


def counted(counter: Counter, good: str, **labels: str) -> Callable[[View], View]:
    """Count each answer of a view under ``verdict``: ``good``, or the slug of the problem that it raised.

    It stands closest to the view, so that what never reached it (not signed in, a malformed body) is not counted
    here; ``xinyi_refusals_total`` counts that.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def counting(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = view(*args, **kwargs)
            except DomainError as error:
                counter.labels(**labels, verdict=error.counted_as or error.slug).inc()
                raise
            counter.labels(**labels, verdict=good).inc()
            return answer

        return cast(View, counting)

    return decorate
