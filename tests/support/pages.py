"""The pages at which staff work."""

DESKS = (
    "/app/staff",
    "/app/counter",
    "/app/office",
    "/app/audit",
    "/app/data",
    "/app/quality",
    "/app/partners",
    "/app/apply",
)
