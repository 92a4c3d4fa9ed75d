"""The composition root: the only file that knows every room."""

from __future__ import annotations

from flask import Flask
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.accounts import cli as accounts_cli
from backend.accounts import jobs as accounts_jobs
from backend.accounts import routes as accounts_routes
from backend.accounts import service as accounts
from backend.backup import cli as backup_cli
from backend.backup import service as backups
from backend.codes import cli as codes_cli
from backend.codes import jobs as codes_jobs
from backend.codes import routes as codes_routes
from backend.codes import service as codes
from backend.community import jobs as community_jobs
from backend.community import routes as community_routes
from backend.community import service as community
from backend.community import submissions
from backend.consents import jobs as consents_jobs
from backend.consents import routes as consents_routes
from backend.consents import service as consents
from backend.demo import cli as demo_cli
from backend.kit import city, db, files, jobs, maintenance, migrations, operations, outbox, seal
from backend.kit import cli as kit_cli
from backend.ledger import cli as ledger_cli
from backend.ledger import jobs as ledger_jobs
from backend.ledger import routes as ledger_routes
from backend.merchants import cli as merchants_cli
from backend.merchants import routes as merchants_routes
from backend.merchants import service as merchants
from backend.operating import cli as operating_cli
from backend.pages import home as pages_home
from backend.pages import routes as pages_routes
from backend.perks import jobs as perks_jobs
from backend.perks import routes as perks_routes
from backend.perks import service as perks
from backend.records import routes as records_routes
from backend.records import service as records
from backend.scores import cli as scores_cli
from backend.scores import jobs as scores_jobs
from backend.scores import routes as scores_routes
from backend.scores import service as scores
from backend.web import api, callers, docs, frame, health, problems, uploads
from backend.web import maintenance as read_only
from backend.wechat import service as wechat
from config.settings import Settings

MOST_BODY_BYTES = 256 * 1024
BLUEPRINTS = (
    accounts_routes.blp, consents_routes.blp, records_routes.blp, scores_routes.blp, ledger_routes.blp,
    community_routes.blp, perks_routes.blp, merchants_routes.blp, uploads.blp, codes_routes.blp, pages_home.blp,
    pages_routes.blp,
)  # fmt: skip
COMMANDS = (
    kit_cli.database_group, kit_cli.city_group, accounts_cli.accounts, codes_cli.codes_group, ledger_cli.ledger,
    merchants_cli.merchants, scores_cli.scores, demo_cli.demo_group, backup_cli.backup_group, *operating_cli.COMMANDS,
)  # fmt: skip


def create_app(settings: Settings) -> Flask:
    """A ready application for ``settings``. Binds the process to its database."""
    prepare(settings)
    app = Flask("backend", static_folder=None)
    app.config.update(
        SETTINGS=settings,
        OPERATION_SECRET=settings.operation_secret,
        MAX_CONTENT_LENGTH=MOST_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BODY_BYTES,
        MAX_FORM_PARTS=20,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.url_map.strict_slashes = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n)  # type: ignore[method-assign]
    figures = frame.Figures(CollectorRegistry())
    problems.install(app)
    frame.install(app, figures)
    health.install(app, figures, {"schema": _schema_gap, "keys": _key_gap}, settings.metrics_token)
    the_api = api.create_api(app)
    for blueprint in BLUEPRINTS:
        the_api.register_blueprint(blueprint)
    app.register_blueprint(pages_routes.site)
    docs.install(app)
    for command in COMMANDS:
        app.cli.add_command(command)
    return app


def prepare(settings: Settings) -> None:
    """Bind the process to its database and wire the rooms, without a web application."""
    frame.configure_logging(settings.log_level, readable=settings.environment == "demo")
    db.bind(db.Database(settings.database_url, pool_size=settings.pool_size))
    maintenance.forget()
    read_only.install()
    wire(settings)


def wire(settings: Settings) -> None:
    """Bind what the rooms ask of the installation and of one another. Safe to repeat."""
    master, hashes = settings.master_keys, settings.hash_keys
    seal.bind(seal.Sealer(master, next(iter(master)), hashes, next(iter(hashes))))
    files.bind(files.DiskStore(settings.files_root))
    codes.bind(settings.public_base_url)
    _wire_wechat(settings)
    _wire_accounts(settings)
    _wire_city()
    _wire_news()
    _wire_jobs()
    _wire_backups()


def _wire_wechat(settings: Settings) -> None:
    """The access token is shared through Redis where there is one."""
    cache = wechat.RedisCache.at(settings.redis_url) if settings.redis_url else None
    client = wechat.WechatClient(
        settings.wechat_app_id, settings.wechat_app_secret, settings.wechat_base_url, cache=cache
    )
    wechat.bind(client)


def _wire_accounts(settings: Settings) -> None:
    """Real names are verified by the demonstration's directory, except in production, which needs its own."""
    cheap = accounts.PasswordCost(passes=1, memory_kib=8192, lanes=1)
    accounts.configure(
        base_url=settings.public_base_url,
        session_keys=settings.session_keys,
        verifier=None if settings.is_production else accounts.DirectoryVerifier(),
        password_cost=cheap if settings.environment == "test" else None,
    )
    callers.set_resolver(accounts_routes.resolve_caller)


def _wire_city() -> None:
    """Who checks which kind of city file, and who keeps tables of it."""
    city.linter("consents", consents.lint_policy)
    city.linter("catalogue", records.lint_policy)
    city.linter("scoring", scores.lint_policy)
    city.linter("merchants", merchants.lint_policy)
    city.applier("merchants", merchants.apply)
    city.linter("community", community.lint_policy)
    city.applier("community", community.apply)
    city.linter("perks", perks.lint_policy)
    city.applier("perks", perks.apply)


def _wire_news() -> None:
    """The outbox's two wires. A score follows its records and its consent within the same transaction."""
    outbox.within("records.changed", scores.on_records_changed)
    outbox.within("records.loaded", scores.on_records_loaded)
    outbox.within("records.entity-changed", merchants.on_entity_changed)
    outbox.within("consents.changed", scores.on_consent_changed)
    outbox.within("consents.changed", submissions.on_consent_changed)


def _wire_jobs() -> None:
    """What each day owes."""
    for register in (accounts_jobs, consents_jobs, ledger_jobs, scores_jobs, perks_jobs):
        register.register()
    for job in (*codes_jobs.JOBS, *files.JOBS, *community_jobs.JOBS):
        jobs.register(job)
    jobs.register(jobs.Job("operations.forget", "清理过期的幂等记录", _forget_operations))


def _wire_backups() -> None:
    """What is bound to something else than its row's own UUID. What a restore proves beside the books is added here."""
    backups.bound_by("code_keys", codes.seal_row)


def _forget_operations(_day: object) -> str:
    with db.transaction() as session:
        return f"{operations.forget_old(session)} operations forgotten"


def _schema_gap() -> str:
    return migrations.gap()


def _key_gap() -> str:
    with db.reading() as reader:
        return "; ".join(codes.signing_gaps(reader))
