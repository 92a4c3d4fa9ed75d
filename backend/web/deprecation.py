"""How a route is taken away: announced, dated, and answered until its day.

The policy: a route or field is first marked with :func:`deprecated` in a release that already has its successor. From
then on every answer carries ``Deprecation`` (RFC 9745) and ``Sunset`` (RFC 8594), the document says so, and the
changelog names it. ``LEAST_NOTICE`` lies between the two dates, because a mini-program's old versions live on for
months; only after the sunset does the route go.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from flask import after_this_request
from werkzeug.http import http_date

from backend.kit.clock import start_of_day
from backend.web.callers import documented

View = TypeVar("View", bound=Callable[..., Any])
LEAST_NOTICE = timedelta(days=180)


def deprecated(*, since: date, sunset: date, successor: str, page: str = "/docs") -> Callable[[View], View]:
    """Mark a route as going away: it stands from ``since``, stays until ``sunset`` (Shanghai days).

    ``successor``: the address to use instead. ``page`` explains. Raises ValueError when the notice is too short.
    """
    if sunset - since < LEAST_NOTICE:
        raise ValueError(f"a route is announced {LEAST_NOTICE.days} days before it goes")
    headers = {"Deprecation": f"@{int(start_of_day(since).timestamp())}", "Sunset": http_date(start_of_day(sunset))}
    link = f'<{page}>; rel="deprecation"; type="text/html", <{successor}>; rel="successor-version"'

    def decorate(view: View) -> View:
        @wraps(view)
        def announced(*args: Any, **kwargs: Any) -> Any:
            @after_this_request
            def tell(response: Any) -> Any:
                response.headers.update(headers)
                response.headers.add("Link", link)
                return response

            return view(*args, **kwargs)

        _document(announced, since, sunset, successor)
        return cast(View, announced)

    return decorate


def _document(view: Any, since: date, sunset: date, successor: str) -> None:
    """``deprecated: true`` and the dates, in what the decorators note for the OpenAPI document."""
    documented(view, deprecated=True, **{"x-deprecated-on": str(since), "x-sunset-on": str(sunset),
                                         "x-successor": successor})  # fmt: skip
