"""Traces by OpenTelemetry, for an installation that asks for them: requests and the SQL within them.

``XINYI_OTEL_ENDPOINT`` turns them on; the packages come with the extra ``otel``. A span says the method, the route's
template and the status, and of SQL the statement with its placeholders: no address, no parameter, no exception's
words, no person.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Engine, event

from backend import __version__
from backend.web import naming
from backend.web.frame import METHODS

MOST_STATEMENT = 2000
_listening = False


def install(app: Flask, endpoint: str, trusted_proxies: int) -> Any:
    """Send the spans of ``app`` to an OTLP/HTTP receiver; what sends them. None without an endpoint."""
    if not endpoint:
        return None
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "xinyi-plus", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    _trace_requests(app, trace, provider.get_tracer("backend.web"), trusted_proxies)
    _trace_statements(trace)
    app.extensions["tracing"] = provider
    return provider


def _trace_requests(app: Flask, trace: Any, tracer: Any, trusted_proxies: int) -> None:
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    @app.before_request
    def start() -> None:
        parent = naming.trusted_parent(request, trusted_proxies)
        carrier = {"traceparent": parent} if parent else {}
        route = request.url_rule.rule if request.url_rule else "(none)"
        method = request.method if request.method in METHODS else "other"
        above = TraceContextTextMapPropagator().extract(carrier, context=context.Context())
        named = {"http.request.method": method, "http.route": route, "xinyi.request_id": g.get("request_id", "")}
        span = tracer.start_span(f"{method} {route}", above, trace.SpanKind.SERVER, attributes=named)
        g.tracing = span, tracer, context.attach(trace.set_span_in_context(span, context.Context()))

    @app.after_request
    def finish(response: Response) -> Response:
        if "tracing" in g:
            g.tracing[0].set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                g.tracing[0].set_status(trace.StatusCode.ERROR)
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if (held := g.pop("tracing", None)) is not None:
            context.detach(held[2])
            held[0].end()


def _trace_statements(trace: Any) -> None:
    """A span for each statement within a traced request, once for all engines of the process."""
    global _listening
    if _listening:
        return
    _listening = True

    @event.listens_for(Engine, "before_cursor_execute")
    def begin(connection: Any, _cursor: Any, statement: str, _parameters: Any, _execution: Any, _many: Any) -> None:
        if g and "tracing" in g:
            told = {"db.system.name": connection.dialect.name, "db.query.text": statement[:MOST_STATEMENT]}
            name = statement.split(None, 1)[0].upper()[:20]
            g.statement = g.tracing[1].start_span(name, kind=trace.SpanKind.CLIENT, attributes=told)

    @event.listens_for(Engine, "after_cursor_execute")
    def done(*_: Any) -> None:
        end(None)

    @event.listens_for(Engine, "handle_error")
    def failed(_failure: Any) -> None:
        end(trace.StatusCode.ERROR)

    def end(status: Any) -> None:
        """A request's statements run one after another: what began last is what ends, prepared or not."""
        if (span := g.pop("statement", None) if g else None) is not None:
            if status is not None:
                span.set_status(status)
            span.end()
