"""``flask merchants …``: what the programme office does by hand about printed codes."""

from __future__ import annotations

import click

from backend.kit import trail
from backend.kit.db import transaction
from backend.kit.ids import NIL
from backend.merchants import service
from backend.merchants.errors import MerchantCodeUnknown


@click.group("merchants")
def merchants() -> None:
    """商户与印刷码。"""


@merchants.command("revoke-code")
@click.argument("public_code")
@click.option("--reason", required=True, help="作废原因；扫码的人会看到。")
def revoke_code(public_code: str, reason: str) -> None:
    """作废一张印刷码；扫码页随即写明何时、为何作废。"""
    if not 1 <= len(reason.strip()) <= 200:
        raise click.ClickException("作废原因应为 1 至 200 个字符。")
    try:
        with transaction() as session:
            service.revoke_code(session, public_code, reason.strip())
            trail.note(session, NIL, "command-line", "merchants.revoke-code", "printed-code", public_code)
    except MerchantCodeUnknown:
        raise click.ClickException("没有印发过这个编号。") from None
    click.echo(f"{public_code} 已作废")
