"""The figures answer what an operator asks, and every file that asks them asks for what there is."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parse

from backend.codes import service as codes
from backend.kit import clock, db, figures, outbox, trail
from backend.kit.figures import TABLES, Table
from backend.kit.ids import NIL
from backend.ledger import service as ledger
from config.settings import ROOT
from tests.checked_client import CheckedClient
from tests.factories import accounts as make
from tests.factories.world import World
from tests.support.prepare import Wanted
from tests.support.real_server import serving

V1 = "/api/v1"
DASHBOARD = ROOT / "config" / "grafana" / "xinyi-plus.json"
ALERTS = ROOT / "config" / "prometheus" / "alerts.yml"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in parse(text) for s in family.samples}


def asked(client: CheckedClient) -> Samples:
    TABLES.forget()
    return samples(client.get("/metrics").get_data(as_text=True))


def grew(before: Samples, after: Samples, name: str, **labels: str) -> float:
    key = (name, tuple(sorted(labels.items())))
    return after.get(key, 0) - before.get(key, 0)


@pytest.fixture(autouse=True)
def ready(client: CheckedClient) -> None:
    with db.transaction() as session:
        codes.ensure_keys(session, "320115")


@pytest.fixture(scope="module")
def world(app: Any, city: Any, wechat: Any, identity_provider: Any, settings: Any) -> World:
    from backend.web import api

    return World(api.document(app), wechat, identity_provider, settings.public_base_url)


def test_redemptions_are_counted_by_their_verdict(client: CheckedClient, world: World) -> None:
    before = asked(client)
    call = world.call("redeem")
    assert call.send(client, world.tokens["resident"]).status_code == 201
    poor = call.send(client, world.tokens["neighbour"])
    refusal = poor.get_json(force=True)["type"].removeprefix("/problems/")
    after = asked(client)
    assert grew(before, after, "xinyi_redemptions_total", verdict="redeemed") == 1
    assert grew(before, after, "xinyi_redemptions_total", verdict=refusal) == 1
    route = f"{V1}/perks/offers/<uuid:offer_id>/redemptions"
    assert grew(before, after, "xinyi_refusals_total", route=route, status=str(poor.status_code), slug=refusal) == 1


def test_admissions_and_verifications_are_counted_by_their_verdict(client: CheckedClient, world: World) -> None:
    before = asked(client)
    for name in ("verify_code", "admit", "upload_admissions"):
        assert world.call(name).send(client, world.tokens["device"]).status_code < 300
        world.call(name).send(client, world.tokens["other device"])
    after = asked(client)
    assert grew(before, after, "xinyi_verifications_total", verdict="valid") == 1
    assert grew(before, after, "xinyi_verifications_total", verdict="not-your-offer") == 1
    for how in ("online", "offline"):
        assert grew(before, after, "xinyi_admissions_total", how=how, verdict="admitted") == 1
        assert grew(before, after, "xinyi_admissions_total", how=how, verdict="not-your-offer") == 1


def test_sign_ins_are_counted_by_kind_and_reason_and_the_caller_learns_no_reason(client: CheckedClient) -> None:
    with db.transaction() as session:
        who = make.staff(session)
    good = {"username": who.username, "password": make.PASSWORD, "otp": who.otp()}
    wrong = {
        "unknown-name": good | {"username": "nobody-at-all"}, "wrong-password": good | {"password": "x" * 12},
        "wrong-one-time-code": good | {"otp": f"{(int(good['otp']) + 1) % 10**6:06d}"},
    }  # fmt: skip
    before = asked(client)
    told = {client.post(f"{V1}/auth/staff", json=body).get_json(force=True)["type"] for body in wrong.values()}
    assert told == {"/problems/sign-in-refused"}
    assert client.post(f"{V1}/auth/staff", json=good).status_code == 200
    client.post(f"{V1}/auth/staff", json=good)
    after = asked(client)
    for verdict in (*wrong, "signed-in", "used-one-time-code"):
        assert grew(before, after, "xinyi_sign_ins_total", kind="staff", verdict=verdict) == 1, verdict


def test_a_queue_that_stands_still_shows_its_age(client: CheckedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_after", {"test.news": {"nobody": lambda _: None}})
    with clock.shifted(timedelta(hours=-3)), db.transaction() as session:
        outbox.tell(session, "test.news", {})
    told = asked(client)
    assert told["xinyi_outbox_rows", (("state", "waiting"),)] >= 1
    assert told["xinyi_outbox_oldest_seconds", (("state", "waiting"),)] >= 3 * 3600
    outbox.deliver()


def test_the_tightest_budgets_are_shown_and_never_more_than_fifty(client: CheckedClient) -> None:
    """In a month of its own: others' budgets may be tighter than these."""
    with clock.shifted(timedelta(days=700)):
        with db.transaction() as session:
            where = [make.organisation(session, "community", "测试社区") for _ in range(55)]
            for number, one in enumerate(where):
                ledger.grant_budget(session, one, clock.today(), number + 1, None)
        told = asked(client)
    left = {dict(labels)["organisation_id"]: v for (name, labels), v in told.items()
            if name == "xinyi_budget_left_points"}  # fmt: skip
    assert len(left) == 50 and left[str(where[0])] == 1


def test_lists_seals_jobs_pool_and_release_are_shown(client: CheckedClient) -> None:
    from backend.kit import jobs
    from backend.oversight import service

    with db.transaction() as session:
        trail.note(session, NIL, "office", "test.act", "test", "")
    service.seal_all()
    jobs.run_due()
    told = asked(client)
    assert 0 <= told["xinyi_status_list_age_seconds", ()] <= 300
    assert told["xinyi_trail_seal_age_seconds", ()] < 3600
    assert ("xinyi_trail_unsealed_seconds", ()) in told
    assert told["xinyi_job_last_success_seconds", (("job", "oversight.seal"),)] < 3600
    assert told["xinyi_database_pool_size", ()] == 2 * 10
    assert any(name == "xinyi_build_info" and value == 1 for (name, _), value in told.items())


def test_tables_are_asked_once_in_a_few_seconds_and_one_that_fails_is_left_out(client: CheckedClient) -> None:
    asks: list[int] = []

    def read(_: Any) -> Any:
        asks.append(1)
        return [((), 1.0)]

    def fail(_: Any) -> Any:
        raise OSError

    own = figures.Tables()
    own.register(Table("one", "1", (), read))
    own.register(Table("bad", "2", (), fail))
    assert [metric.name for metric in own.collect()] == [metric.name for metric in own.collect()] == ["one"]
    assert len(asks) == 1
    own.forget()
    list(own.collect())
    assert len(asks) == 2


class Counted:
    """How many statements the database was asked."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, _c: Any, _cu: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)


@pytest.fixture
def counted() -> Iterator[Counted]:
    from sqlalchemy import event

    seen, engine = Counted(), db.current().engine
    event.listen(engine, "before_cursor_execute", seen)
    yield seen
    event.remove(engine, "before_cursor_execute", seen)


def test_the_tables_cost_a_handful_of_statements_whatever_there_is(client: CheckedClient, counted: Counted) -> None:
    asked(client)
    first = len([s for s in counted.statements if s.startswith("SELECT")])
    with db.transaction() as session:
        for _ in range(30):
            make.resident(session)
            outbox.tell(session, "test.nobody", {})
    counted.statements.clear()
    asked(client)
    assert len([s for s in counted.statements if s.startswith("SELECT")]) <= first <= 20
    for statement in counted.statements:
        assert not re.search(r"FROM (people|ledger_transfers|perks_redemptions|consents)\b", statement)


@pytest.mark.once
def test_any_worker_answers_for_all_and_for_the_background_worker() -> None:
    with serving("sqlite", Wanted(residents=1), with_worker=True) as server:
        for _ in range(40):
            status, _ = fetch(server.address, f"{V1}/communities")
            assert status == 200
        told = [samples(fetch(server.address, "/metrics")[1]) for _ in range(6)]
        key = ("xinyi_requests_total", (("method", "GET"), ("route", f"{V1}/communities"), ("status", "200")))
        assert {one[key] for one in told} == {40.0}
        names = {path.name.rpartition("_")[2] for path in (server.folder / "figures").glob("counter_*.db")}
        assert len(names) >= 3, "two web workers and the background worker"
        assert told[-1]["xinyi_database_pool_size", ()] >= 20
        assert any(name == "xinyi_job_last_success_seconds" for name, _ in told[-1])


def fetch(address: tuple[str, int], path: str) -> tuple[int, str]:
    """One request on a connection of its own, so that either worker may get it."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_gauges_of_a_process_that_is_gone_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, alive = tmp_path / "gauge_livesum_999999999.db", tmp_path / "gauge_livesum_1.db"
    counters = tmp_path / "counter_999999999.db"
    for path in (gone, alive, counters):
        path.write_bytes(b"")
    figures._bury(tmp_path)
    assert not gone.exists() and alive.exists() and counters.exists()


# --- the files that ask ------------------------------------------------------------------------------------------


def exported(client: CheckedClient) -> dict[str, set[str]]:
    """Every name that may be asked for, with its labels."""
    names: dict[str, set[str]] = {}
    for registry in (figures.REGISTRY,):
        for metric in registry._names_to_collectors.values():
            names.update(_named(metric))
    for table in TABLES._tables.values():
        names[table.name] = set(table.labels)
    text = client.get("/metrics").get_data(as_text=True)
    for family in parse(text):
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    return names


def _named(metric: Any) -> dict[str, set[str]]:
    suffixes = {"counter": ["_total"], "gauge": [""]}[metric._type]
    return {metric._name + suffix: set(metric._labelnames) for suffix in suffixes}


FUNCTIONS = {"sum", "by", "rate", "increase", "histogram_quantile", "max", "min", "topk", "bottomk", "absent", "time",
             "clamp_min", "le", "on", "or", "and", "unless", "without", "ignoring", "count", "avg"}  # fmt: skip
BUILT_IN = {"job", "instance", "le"}


def check_expression(expression: str, known: dict[str, set[str]]) -> None:
    """Every metric that a PromQL expression names is exported, with every label that it uses."""
    bare = re.sub(r'"[^"]*"', '""', expression.replace("$__rate_interval", "5m"))
    metrics = set(re.findall(r"\bxinyi_\w+", bare))
    assert metrics, expression
    assert metrics <= set(known), f"{metrics - set(known)} in {expression}"
    labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", bare))
    for group in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", bare):
        labels |= {label.strip() for label in group.split(",")}
    allowed = set().union(*(known[name] for name in metrics)) | BUILT_IN
    assert labels <= allowed, f"{labels - allowed} in {expression}"
    others = set(re.findall(r"\b[a-z_]{2,}\b(?=\s*[({])", bare)) - metrics
    assert others <= FUNCTIONS, others - FUNCTIONS


def test_the_dashboard_asks_only_for_what_is_exported(client: CheckedClient) -> None:
    board = json.loads(DASHBOARD.read_text("utf-8"))
    known, targets = exported(client), 0
    assert board["uid"] and board["title"] == "信易+ 运行情况" and board["schemaVersion"] >= 39
    assert [v["type"] for v in board["templating"]["list"]] == ["datasource"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert re.search(r"[\u4e00-\u9fff]", panel["title"]), panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            check_expression(target["expr"], known)
            targets += 1
    assert targets >= len(panels) >= 14


def test_no_two_panels_lie_upon_each_other() -> None:
    board = json.loads(DASHBOARD.read_text("utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_alerts_ask_only_for_what_is_exported(client: CheckedClient) -> None:
    known = exported(client)
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 10
    for rule in rules:
        if not rule["expr"].startswith("up"):
            check_expression(rule["expr"], known)
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]


QUESTIONS = {
    "xinyi_redemptions_total", "xinyi_admissions_total", "xinyi_outbox_oldest_seconds", "xinyi_outbox_rows",
    "xinyi_status_list_age_seconds", "xinyi_job_last_success_seconds", "xinyi_budget_left_points",
    "xinyi_sign_ins_total", "xinyi_refusals_total", "xinyi_trail_seal_age_seconds", "xinyi_database_pool_in_use",
    "xinyi_database_pool_exhausted_total", "xinyi_build_info", "xinyi_requests_total", "xinyi_request_seconds_bucket",
    "xinyi_verifications_total", "xinyi_trail_unsealed_seconds",
}  # fmt: skip


def test_the_dashboard_answers_every_question() -> None:
    text = DASHBOARD.read_text("utf-8")
    assert not {name for name in QUESTIONS if name not in text}
