"""GET /me/score, /me/score/reasons, /me/score/history, and the commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from click.testing import CliRunner

from backend.kit import clock, db
from backend.records import service as records
from backend.scores import service
from backend.scores.cli import scores as commands
from config.settings import ROOT
from tests.checked_client import CheckedClient
from tests.records.test_routes import signed_in
from tests.records.test_service import honour
from tests.scores.helpers import consent

__all__ = ["signed_in"]


def test_read_my_score_says_how_to_opt_in_before_the_consent(
    client: CheckedClient, signed_in: Callable[..., str]
) -> None:
    token = signed_in(uuid4())
    for path in ("", "/reasons", "/history", "/history.svg"):
        answer = client.get(f"/api/v1/me/score{path}", token=token)
        assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/consent-missing")
        assert answer.get_json()["opt_in"] == {"method": "PUT", "path": "/api/v1/me/consents/score"}
    assert client.get("/api/v1/me/score").status_code == 401
    assert client.get("/api/v1/me/score", token=signed_in(None)).get_json()["type"] == "/problems/identity-not-bound"


def test_my_score_can_be_taken_apart(client: CheckedClient, signed_in: Callable[..., str]) -> None:
    resident_id = uuid4()
    with db.transaction() as session:
        records.add_records(session, [(resident_id, honour(n)) for n in (1, 2, 3)], tell=False)
        consent(session, resident_id)
        service.recompute(session, resident_id, "consent")
    token = signed_in(resident_id)
    score = client.get("/api/v1/me/score", token=token).get_json()
    assert (score["value"], score["level"]) == (720, {"id": "A+", "name": "优秀"})
    assert score["scale"] == {"min": 0, "base": 600, "max": 1000}
    assert score["next_level"] == {"id": "A++", "name": "标杆", "from": 800, "points_needed": 80}
    told = client.get("/api/v1/me/score/reasons", token=token).get_json()
    assert told["base"] + sum(item["points"] for item in told["items"]) == told["value"] == score["value"]
    assert [item["points"] for item in told["items"]] == [60, 60, 0]
    last = told["items"][-1]
    assert last["rule"]["capped_by"] == "total" and "合计最多计 120 分" in last["text"]
    assert last["source"] == "演示单位" and last["record_title"] == "诚信之星" and last["dimension"] == "integrity"
    first = client.get("/api/v1/me/score/reasons?limit=2", token=token).get_json()
    rest = client.get(f"/api/v1/me/score/reasons?limit=2&cursor={first['next_cursor']}", token=token).get_json()
    assert first["items"] + rest["items"] == told["items"] and rest["next_cursor"] is None
    (line,) = client.get("/api/v1/me/score/history", token=token).get_json()["items"]
    assert (line["value"], line["cause"], line["cause_text"]) == (720, "consent", "同意计算信用分")
    drawn = client.get("/api/v1/me/score/history.svg", token=token)
    assert drawn.mimetype == "image/svg+xml" and "720 分" in drawn.get_data(as_text=True)
    assert [rise["indicator"] for rise in told["would_raise"]].count("integrity-honour") == 0  # its cap is reached
    promise = next(rise for rise in told["would_raise"] if rise["indicator"] == "promise-kept")
    assert (promise["kind"], promise["points"], promise["points_each"]) == ("earn", 30, 15)
    assert "区行政审批局" in promise["text"]


def test_a_disputed_record_is_listed_as_left_out(client: CheckedClient, signed_in: Callable[..., str]) -> None:
    resident_id = uuid4()
    with db.transaction() as session:
        consent(session, resident_id)
        record_id = records.add_record(session, resident_id, honour())
        records.change_status(session, resident_id, record_id, "disputed", None, "本人异议")
        service.recompute(session, resident_id, "record-disputed", record_id)
    told = client.get("/api/v1/me/score/reasons", token=signed_in(resident_id)).get_json()
    assert told["items"] == [] and told["value"] == 600
    assert told["left_out"][0]["record_id"] == str(record_id) and "异议" in told["left_out"][0]["text"]


def test_the_lint_command_names_each_problem(tmp_path: Path) -> None:
    folder = Path(ROOT) / "config" / "cities" / "320115"
    assert CliRunner().invoke(commands, ["lint", str(folder)]).exit_code == 0
    for path in folder.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace("待提升", "失信"), "utf-8")
    refused = CliRunner().invoke(commands, ["lint", str(tmp_path)])
    assert refused.exit_code == 1
    line = (tmp_path / "scoring.toml").read_text("utf-8").splitlines().index("[[levels]]") + 1
    assert f"scoring.toml 第 {line} 行：最低一级应名为“待提升”" in refused.output


def test_the_recompute_command_computes_one_or_all(client: CheckedClient) -> None:
    resident_id = uuid4()
    with db.transaction() as session:
        consent(session, resident_id)
    one = CliRunner().invoke(commands, ["recompute", "--resident", str(resident_id)])
    assert one.exit_code == 0 and "已计算" in one.output
    assert "没有同意" in CliRunner().invoke(commands, ["recompute", "--resident", str(uuid4())]).output
    assert "完成" in CliRunner().invoke(commands, ["recompute"]).output


def test_my_score_of_another_day_policy_or_state_of_knowledge(
    client: CheckedClient, signed_in: Callable[..., str]
) -> None:
    resident_id, filed_at = uuid4(), clock.now() - timedelta(hours=2)
    with clock.at(filed_at), db.transaction() as session:
        consent(session, resident_id)
        record_id = records.add_record(session, resident_id, honour())
    with clock.at(filed_at + timedelta(hours=1)), db.transaction() as session:
        records.change_status(session, resident_id, record_id, "withdrawn", None, "撤销")
    token = signed_in(resident_id)

    def value(**asked: str) -> int:
        told = client.get(f"/api/v1/me/score/as-of?{urlencode(asked)}", token=token).get_json()
        assert told["base"] + sum(item["points"] for item in told["items"]) == told["value"]
        return int(told["value"])

    known_then = (filed_at + timedelta(minutes=30)).isoformat()
    assert (value(), value(known_at=known_then)) == (600, 660)
    assert value(known_at=(filed_at - timedelta(minutes=1)).isoformat()) == 600
    assert value(known_at=known_then, on="2026-01-02", policy_version="2026.1") == 600
    for asked in ("policy_version=nobody", "on=1999-01-01"):
        refused = client.get(f"/api/v1/me/score/as-of?{asked}", token=token)
        assert refused.get_json()["type"] == "/problems/scoring-version-unknown"
    assert client.get("/api/v1/me/score/as-of", token=signed_in(uuid4())).status_code == 403
