"""The composition root: the only file that knows every room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.accounts import jobs as accounts_jobs
from backend.accounts import rotation as accounts_rotation
from backend.accounts import routes as accounts_routes
from backend.accounts import service as accounts
from backend.admissions import desk_routes as admissions_desk_routes
from backend.admissions import jobs as admissions_jobs
from backend.admissions import routes as admissions_routes
from backend.admissions import service as admissions
from backend.approvals import policies
from backend.approvals import routes as approvals_routes
from backend.approvals import service as approvals
from backend.backup import cli as backup_cli
from backend.backup import service as backups
from backend.batches import desk_routes as returns_routes
from backend.batches import jobs as batches_jobs
from backend.batches import rotation as batches_rotation
from backend.batches import routes as batches_routes
from backend.bookings import jobs as bookings_jobs
from backend.bookings import routes as bookings_routes
from backend.bookings import service as bookings
from backend.catalogue import routes as catalogue_routes
from backend.catalogue import service as catalogue
from backend.codes import cli as codes_cli
from backend.codes import jobs as codes_jobs
from backend.codes import rotation as codes_rotation
from backend.codes import routes as codes_routes
from backend.codes import service as codes
from backend.community import jobs as community_jobs
from backend.community import routes as community_routes
from backend.community import service as community
from backend.community import submissions
from backend.consents import routes as consents_routes
from backend.consents import service as consents
from backend.declarations import jobs as declarations_jobs
from backend.declarations import routes as declarations_routes
from backend.declarations import service as declarations
from backend.delegation import routes as delegation_routes
from backend.delegation import service as delegation
from backend.demo import cli as demo_cli
from backend.devices import jobs as devices_jobs
from backend.devices import routes as devices_routes
from backend.devices import service as devices
from backend.disclosure import routes as disclosure_routes
from backend.disclosure import service as disclosure
from backend.identity import jobs as identity_jobs
from backend.identity import routes as identity_routes
from backend.identity import service as identity
from backend.kit import (
    city,
    db,
    files,
    jobs,
    keys_cli,
    maintenance,
    migrations,
    operations,
    outbox,
    rotation,
    seal,
    suites,
    watch,
)
from backend.kit import cli as kit_cli
from backend.ledger import adjusting, reversing
from backend.ledger import cli as ledger_cli
from backend.ledger import jobs as ledger_jobs
from backend.ledger import limits as points_limits
from backend.ledger import routes as ledger_routes
from backend.merchants import cli as merchants_cli
from backend.merchants import routes as merchants_routes
from backend.merchants import service as merchants
from backend.messages import jobs as messages_jobs
from backend.messages import routes as messages_routes
from backend.messages import service as messages
from backend.modelling import cli as modelling_cli
from backend.modelling import jobs as modelling_jobs
from backend.modelling import routes as modelling_routes
from backend.modelling import service as modelling
from backend.obligations import jobs as obligations_jobs
from backend.obligations import routes as obligations_routes
from backend.obligations import service as obligations
from backend.offers import service as offers
from backend.operating import cli as operating_cli
from backend.oversight import cli as oversight_cli
from backend.oversight import figures as oversight_figures
from backend.oversight import jobs as oversight_jobs
from backend.oversight import routes as oversight_routes
from backend.oversight import verification as oversight
from backend.pages import home as pages_home
from backend.pages import publicity as pages_publicity
from backend.pages import routes as pages_routes
from backend.parking import jobs as parking_jobs
from backend.parking import operator_routes as parking_operator_routes
from backend.parking import rotation as parking_rotation
from backend.parking import routes as parking_routes
from backend.parking import service as parking
from backend.partners import jobs as partners_jobs
from backend.partners import own_routes as partners_routes
from backend.partners import rotation as partners_rotation
from backend.partners import service as partners
from backend.perks import jobs as perks_jobs
from backend.perks import partner_routes as perks_partner_routes
from backend.perks import routes as perks_routes
from backend.perks import service as perks
from backend.privacy import cli as privacy_cli
from backend.privacy import jobs as privacy_jobs
from backend.privacy import routes as privacy_routes
from backend.privacy import service as privacy
from backend.proofs import cli as proofs_cli
from backend.proofs import jobs as proofs_jobs
from backend.proofs import routes as proofs_routes
from backend.proofs import verification as proofs
from backend.publicity import jobs as publicity_jobs
from backend.publicity import routes as publicity_routes
from backend.quality import routes as quality_routes
from backend.quality import service as quality
from backend.records import cli as records_cli
from backend.records import jobs as records_jobs
from backend.records import routes as records_routes
from backend.scores import cli as scores_cli
from backend.scores import jobs as scores_jobs
from backend.scores import routes as scores_routes
from backend.scores import service as scores
from backend.settlement import cli as settlement_cli
from backend.settlement import jobs as settlement_jobs
from backend.settlement import routes as settlement_routes
from backend.settlement import service as settlement
from backend.staff import admin_routes as staff_routes
from backend.staff import cli as staff_cli
from backend.staff import jobs as staff_jobs
from backend.staff import service as staff
from backend.statements import announcing
from backend.statements import jobs as statements_jobs
from backend.statements import routes as statements_routes
from backend.statements import service as statements
from backend.web import api, callers, cors, docs, frame, health, hosts, limits, problems, tracing, uploads
from backend.web import maintenance as read_only
from backend.webhooks import jobs as webhooks_jobs
from backend.webhooks import rotation as webhooks_rotation
from backend.webhooks import routes as webhooks_routes
from backend.webhooks import sending as webhooks_sending
from backend.webhooks import service as webhooks
from backend.wechat import service as wechat
from config.settings import Settings, SettingsError

MOST_BODY_BYTES = 256 * 1024
log = structlog.get_logger("app")
BLUEPRINTS = (
    accounts_routes.blp, staff_routes.blp, identity_routes.blp, devices_routes.blp, consents_routes.blp,
    messages_routes.blp, delegation_routes.blp, webhooks_routes.blp, catalogue_routes.blp, records_routes.blp,
    batches_routes.blp, returns_routes.blp, publicity_routes.blp, declarations_routes.blp, scores_routes.blp,
    ledger_routes.blp, proofs_routes.blp, statements_routes.blp, community_routes.blp, perks_routes.blp,
    obligations_routes.blp, perks_partner_routes.blp, admissions_routes.blp, admissions_desk_routes.blp,
    partners_routes.blp, merchants_routes.blp, uploads.blp, codes_routes.blp, approvals_routes.blp, parking_routes.blp,
    parking_operator_routes.blp, bookings_routes.blp,
    disclosure_routes.blp, quality_routes.blp, privacy_routes.blp, privacy_routes.forms, oversight_routes.blp,
    oversight_routes.published, settlement_routes.blp, pages_home.blp, pages_publicity.blp, modelling_routes.blp,
    pages_routes.blp,
)  # fmt: skip
COMMANDS = (
    kit_cli.database_group, kit_cli.city_group, keys_cli.keys_group, staff_cli.group, codes_cli.codes_group,
    ledger_cli.ledger, records_cli.group, merchants_cli.merchants, scores_cli.scores, settlement_cli.settlement,
    demo_cli.demo_group,
    privacy_cli.privacy,
    oversight_cli.oversight_group, backup_cli.backup_group, *operating_cli.COMMANDS,
)  # fmt: skip

scores_cli.scores.add_command(modelling_cli.simulate)
TOLD_TO_PARTNERS = (
    "perks.admitted", "perks.undone", "perks.cancelled", "obligations.changed", "settlement.closed",
    "settlement.dispute-decided", "bookings.promoted", "bookings.no-show", "parking.decided",
)  # fmt: skip
"""News that partners' webhooks hear of; each names its ``partner_id``. A redemption is none: a partner learns of it
when the coupon is shown, and the statement that it costs would be every resident's to wait for."""
_to_partners = {topic: webhooks.on_news(topic) for topic in TOLD_TO_PARTNERS}

ledger_cli.ledger.add_command(proofs_cli.publish_roots)
ledger_cli.ledger.add_command(proofs_cli.verify_roots)


class _App(Flask):
    """Flask, for views that are all plain functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """None is a coroutine, so that no request has to look a dozen times."""
        return func


def create_app(settings: Settings) -> Flask:
    """A ready application for ``settings``. Binds the process to its database."""
    prepare(settings)
    app = _App("backend", static_folder=None)
    app.config.update(
        SETTINGS=settings,
        OPERATION_SECRET=settings.operation_secret,
        MAX_CONTENT_LENGTH=MOST_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BODY_BYTES,
        MAX_FORM_PARTS=20,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # werkzeug's redirects would repeat whatever Host header came
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n)  # type: ignore[method-assign]
    figures = frame.Figures(CollectorRegistry())
    oversight_figures.register()
    problems.install(app)
    frame.install(app, figures, settings.trusted_proxies)
    tracing.install(app, settings.otel_endpoint, settings.trusted_proxies)
    _install_manners(app, settings, figures)
    health.install(app, figures, {"schema": _schema_gap, "keys": _key_gap}, settings.metrics_token)
    the_api = api.create_api(app)
    for blueprint in BLUEPRINTS:
        the_api.register_blueprint(blueprint)
    app.register_blueprint(pages_routes.site)
    docs.install(app)
    for command in COMMANDS:
        app.cli.add_command(command)
    return app


def _install_manners(app: Flask, settings: Settings, figures: frame.Figures) -> None:
    """Whom the house answers, how often, and for how long."""
    if settings.is_production:
        hosts.install(app, settings.public_base_url)
    frame.limit_time(app, settings.request_seconds)
    cors.install(app, settings.cors_origins)
    limits.install(
        app, figures.registry, mode=settings.limits, redis_url=settings.redis_url, secret=settings.operation_secret,
        follow=settings.environment != "test",
    )  # fmt: skip


def prepare(settings: Settings) -> None:
    """Bind the process to its database and wire the rooms, without a web application."""
    frame.configure_logging(settings.log_level, readable=settings.environment == "demo")
    if why := suites.missing([*settings.master_keys, *settings.hash_keys]):
        raise SettingsError([f"XINYI_MASTER_KEYS or XINYI_HASH_KEYS: {why}"])
    db.bind(db.Database(settings.database_url, pool_size=settings.pool_size))
    maintenance.forget()
    read_only.install()
    wire(settings)


def wire(settings: Settings) -> None:
    """Bind what the rooms ask of the installation and of one another. Safe to repeat."""
    bind_keys(settings)
    files.bind(files.DiskStore(settings.files_root))
    codes.bind(settings.public_base_url)
    _wire_wechat(settings)
    webhooks_sending.bind(webhooks_sending.Line(settings.webhook_private_hosts))
    _wire_accounts(settings)
    _wire_city()
    points_limits.bind(settings.limits)
    _wire_approvals()
    _wire_devices(settings)
    _wire_news()
    _wire_jobs()
    _wire_rotation()
    _wire_backups()


def bind_keys(settings: Settings) -> None:
    """Give the process its keys, at the start and again whenever they rotate. The first of each kind is current."""
    master, hashes = settings.master_keys, settings.hash_keys
    seal.bind(seal.Sealer(master, next(iter(master)), hashes, next(iter(hashes))))
    accounts.bind_session_keys(settings.public_base_url, settings.session_keys)


def follow_keys(settings: Settings) -> None:
    """Let a process that stays (server, worker) notice when the file of secrets is replaced."""
    if settings.secrets_file is not None:
        watch.follow(settings.secrets_file, _read_keys_again)


def _read_keys_again() -> None:
    settings = Settings.from_env()
    bind_keys(settings)
    log.info("keys.read_again", master=list(settings.master_keys), hash=list(settings.hash_keys),
             session=list(settings.session_keys))  # fmt: skip


def _wire_wechat(settings: Settings) -> None:
    """The access token is shared through Redis where there is one."""
    cache = wechat.RedisCache.at(settings.redis_url) if settings.redis_url else None
    client = wechat.WechatClient(
        settings.wechat_app_id, settings.wechat_app_secret, settings.wechat_base_url, cache=cache
    )
    wechat.bind(client)


def _wire_accounts(settings: Settings) -> None:
    """Real names are verified by the demonstration's directory, except in production, which needs its own."""
    identity.bind_verifier(None if settings.is_production else identity.DirectoryVerifier())
    callers.set_resolver(accounts_routes.resolve_caller, accounts_routes.confirm_caller)
    callers.set_delegations(delegation_routes.resolve_delegation, delegation_routes.still_delegated)
    cheap = staff.PasswordCost(passes=1, memory_kib=8192, lanes=1)
    staff.configure(
        base_url=settings.public_base_url,
        password_cost=cheap if settings.environment == "test" else None,
        identity_provider=_identity_provider(settings),
    )


def _identity_provider(settings: Settings) -> staff.ProviderSettings | None:
    if not settings.oidc_issuer:
        return None
    return staff.ProviderSettings(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret,
        f"{settings.public_base_url}/app/staff", settings.oidc_label, settings.oidc_acr,
    )  # fmt: skip


def _wire_city() -> None:
    """Who checks which kind of city file, and who keeps tables of it."""
    for room in (identity, messages, delegation):
        city.linter("city", room.lint_city)
    for check in (
        privacy.lint_policy, limits.lint_policy, quality.lint_policy, admissions.lint_policy, partners.lint_policy,
        settlement.lint_policy, statements.lint_city, parking.lint_policy, points_limits.lint_policy,
    ):  # fmt: skip
        city.linter("city", check)
    city.applier("city", points_limits.forget)
    city.linter("deadlines", bookings.lint_policy)
    city.linter("consents", consents.lint_policy)
    city.linter("catalogue", catalogue.lint_policy)
    city.linter("catalogue", declarations.lint_policy)
    city.linter("scoring", scores.lint_policy)
    city.linter("merchants", merchants.lint_policy)
    city.applier("merchants", merchants.apply)
    city.linter("community", community.lint_policy)
    city.applier("community", community.apply)
    city.linter("perks", offers.lint_policy)
    city.applier("perks", offers.apply)


def _wire_approvals() -> None:
    """What needs a second person: how each kind is checked and described, and what does it once it is approved."""
    approvals.executor(
        policies.KIND, "发布政策", "policies.approve", prepare=policies.prepare, execute=policies.execute
    )
    approvals.executor(
        adjusting.CODE, "调整积分", "points.approve", prepare=adjusting.prepare, execute=adjusting.execute
    )
    approvals.executor(
        reversing.CODE, "更正积分", "points.approve", prepare=reversing.prepare, execute=reversing.execute
    )
    approvals.executor(
        "people.export", "导出个人信息", "exports.approve", prepare=disclosure.prepare, execute=disclosure.execute,
        hidden={"found_hidden", "salt_hidden"},
    )  # fmt: skip
    for kind, title, prepare, execute in staff.KINDS:
        approvals.executor(kind, title, "staff.approve", prepare=prepare, execute=execute, concerns=staff.concerns)
    for by_two in partners.KINDS:
        approvals.executor(**by_two)
    approvals.link_persons(accounts.person_of_staff)
    policies.check("scoring", modelling.require_simulation)


def _wire_devices(settings: Settings) -> None:
    """Devices stand below the rooms that know venues and draw codes."""
    devices.bind(settings.public_base_url, _device_venues, codes.qr_svg_fast)


def _device_venues(reader: db.Reader, scope: devices.Scope) -> list[devices.Venue]:
    return [devices.Venue(*found) for found in offers.partner_venues(reader, scope)]


def _wire_news() -> None:
    """The outbox's two wires. A score follows its records and its consent within the same transaction."""
    outbox.within("records.changed", scores.on_records_changed)
    outbox.within("records.loaded", scores.on_records_loaded)
    outbox.within("records.entity-changed", merchants.on_entity_changed)
    outbox.within("records.entities-loaded", merchants.on_entities_loaded)
    outbox.within("consents.changed", scores.on_consent_changed)
    outbox.within("consents.changed", submissions.on_consent_changed)
    outbox.within("consents.changed", parking.on_consent_changed)
    outbox.within("people.looked-at", consents.on_looked_at)
    outbox.within("identity.recovered", perks.on_recovered)
    outbox.within("perks.place-changed", admissions.on_place_changed)
    outbox.within("ledger.settlement-reversed", settlement.on_settlement_reversed)
    outbox.within("identity.recovered", messages.on_recovered)
    outbox.within("identity.pause-lifted", messages.on_pause_lifted)
    outbox.within("community.reviewed", messages.on_reviewed)
    outbox.within("declarations.decided", messages.on_declaration_decided)
    perks.bind_pauses(obligations.paused)
    perks.bind_slot_pauses(bookings.paused)
    outbox.within("perks.cancelled", bookings.on_cancelled)
    outbox.within("perks.admitted", bookings.on_admitted)
    outbox.within("perks.conflicted", bookings.on_conflicted)
    outbox.after("perks.cancelled", "bookings", bookings.after_cancelled)
    outbox.after("perks.expired", "bookings", bookings.after_missed)
    outbox.within("perks.admitted", obligations.on_admitted)
    outbox.within("perks.undone", obligations.on_undone)
    outbox.within("obligations.told", messages.on_obligation)
    outbox.within("delegation.registered", messages.on_delegation_registered)
    outbox.within("delegation.ended", messages.on_delegation_ended)
    for topic in TOLD_TO_PARTNERS:
        outbox.joins(topic, _to_partners[topic])
    outbox.within(announcing.ENDING, messages.on_points_ending)
    outbox.after("messages.written", "wechat", messages.deliver)
    outbox.after(modelling.BEGUN, "modelling", modelling.on_begun)
    outbox.after(perks.BEGUN, "perks", perks.on_begun)


def _wire_rotation() -> None:
    """What is kept under the master key and the hash keys."""
    rotation.keys_from(_read_keys_again)
    for register in (
        accounts_rotation, batches_rotation, codes_rotation, parking_rotation, partners_rotation, webhooks_rotation,
    ):  # fmt: skip
        register.register()
    rotation.needless("delegations.document_no_sealed", "under the person's data key")
    for name in ("content_sealed", "reason_sealed", "end_reason_sealed"):
        rotation.needless(f"declarations.{name}", "under the person's data key")
    for name in ("charge_reason_sealed", "dispute_sealed", "decision_reason_sealed"):
        rotation.needless(f"obligations.{name}", "under the person's data key")
    rotation.needless("staff_pending_secrets.secret_sealed", "ends within the hour")
    rotation.needless("staff_oidc_flows.verifier_sealed", "ends within ten minutes")


def _wire_jobs() -> None:
    """What each day owes."""
    for register in (
        accounts_jobs, batches_jobs, devices_jobs, identity_jobs, messages_jobs, ledger_jobs, records_jobs, scores_jobs,
        perks_jobs, admissions_jobs, bookings_jobs, settlement_jobs, privacy_jobs, obligations_jobs, oversight_jobs,
        publicity_jobs, modelling_jobs, proofs_jobs, webhooks_jobs, parking_jobs,
    ):  # fmt: skip
        register.register()
    for job in (
        *staff_jobs.JOBS, *codes_jobs.JOBS, *files.JOBS, *community_jobs.JOBS, *declarations_jobs.JOBS,
        *partners_jobs.JOBS,
    ):  # fmt: skip
        jobs.register(job)
    for job in statements_jobs.JOBS:
        jobs.register(job)
    jobs.register(jobs.Job("operations.forget", "清理过期的幂等记录", _forget_operations))


def _wire_backups() -> None:
    """What is bound to something else than its row's own UUID. What a restore proves beside the books is added here."""
    backups.bound_by("code_keys", codes.seal_row)
    backups.bound_by("staff_oidc_flows", staff.flow_row)
    backups.check_after_restoring("oversight", oversight.problems)
    backups.check_after_restoring("proofs", proofs.problems)


def _forget_operations(_day: object) -> str:
    with db.transaction() as session:
        return f"{operations.forget_old(session)} operations forgotten"


def _schema_gap() -> str:
    return migrations.gap()


def _key_gap() -> str:
    with db.reading() as reader:
        return "; ".join(codes.signing_gaps(reader))
