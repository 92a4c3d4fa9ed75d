"""A merchant with a printed code, and a browser's way of asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete

from backend.kit import db
from backend.merchants import service as merchants
from backend.merchants.models import Evaluation, Merchant, Pledge
from tests.merchants.conftest import entity_code

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Browser(FlaskClient):
    """Asks for HTML, as browsers do."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["headers"] = {**HTML, **dict(kwargs.get("headers") or {})}
        return super().open(*args, **kwargs)


@pytest.fixture
def browser(app: Flask, city: object) -> FlaskClient:
    return Browser(app, app.response_class, use_cookies=False)


@pytest.fixture
def registered(app: Flask, city: object) -> Any:
    """Register a merchant, or change it; its printed code. What was registered is gone after the test."""
    entity = entity_code()

    def register(**changed: Any) -> str:
        new = merchants.NewMerchant(
            unified_social_credit_code=entity, name="演示青禾小吃（演示商户）", address="江宁区演示路1号",
            district_id="dongshan", trade_id="catering", legal_representative="演示甲子", licence_no="演示JY001",
            licence_valid_until_on=date(2099, 1, 1), pledged=True,
        )  # fmt: skip
        with db.transaction() as session:
            return merchants.register(session, new._replace(**changed)).public_code

    yield register
    with db.transaction() as session:
        ours = session.query(Merchant.id).filter(Merchant.unified_social_credit_code == entity).scalar()
        if ours is not None:
            for model in (Pledge, Evaluation):
                session.execute(delete(model).where(model.merchant_id == ours))
            session.execute(delete(Merchant).where(Merchant.id == ours))


@pytest.fixture
def change_settings(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Run the app with other settings; its instance folder is the test's own."""

    def change(**values: Any) -> None:
        changed = replace(app.config["SETTINGS"], **{"instance_root": tmp_path, **values})
        monkeypatch.setitem(app.config, "SETTINGS", changed)

    return change
