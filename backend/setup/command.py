"""``flask setup``: asks what is not known, does what is not done, and ends with the doctor."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import click

from backend.accounts import service as accounts
from backend.operating import doctor
from backend.setup import settings_file, steps
from backend.setup.answers import QUESTIONS, Answers, Person, Question, SetupRefused, read
from backend.staff import service as staff
from config.settings import ROOT, Settings

DEFAULT_FILE = ROOT / "instance" / "xinyi.env"
OTP_TRIES = 5
OFFICE = "programme-office"


@click.command("setup")
@click.option("--settings-file", "path", type=click.Path(path_type=Path, dir_okay=False), envvar="XINYI_SECRETS_FILE",
              default=DEFAULT_FILE, show_default=True, help="设置文件；没有就新建。")  # fmt: skip
@click.option("--from", "--answers", "answers_file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="从 TOML 文件取全部回答，不再提问。")  # fmt: skip
@click.option("--offline", is_flag=True, help="最后的检查不连接公网地址。")
def setup_command(path: Path, answers_file: Path | None, offline: bool) -> None:
    """第一次安装：写设置、建库、载入城市、造密钥、建第一位账号管理员，最后检查一遍。可以重复执行。"""
    try:
        Setup(path.absolute(), read(answers_file) if answers_file else None, offline).run()
    except SetupRefused as refusal:
        raise click.ClickException(str(refusal)) from None


class Setup:
    """One run. With ``answers`` nothing is asked; without them only what is not known is."""

    def __init__(self, path: Path, answers: Answers | None, offline: bool) -> None:
        self.path, self.offline = path, offline
        self.answers = answers or Answers()
        self.asks = answers is None

    def run(self) -> None:
        settings = self._settings()
        steps.connect(settings)
        _done("数据库可以连接")
        _done(f"库结构 {steps.schema()}")
        folder = Path(self.answers.city_folder or settings.cities_root / settings.city)
        _done(f"城市配置：{'、'.join(steps.load_city(settings, folder))}")
        made = steps.signing_keys(settings)
        _done(f"签名密钥：{'新造 ' + '、'.join(made) if made else '已有'}")
        slug = self._office()
        self._people(slug)
        self._doctor(settings)

    def _settings(self) -> Settings:
        held = settings_file.known(self.path, os.environ)
        given = self._asked(held) if self.asks else dict(self.answers.settings)
        added = settings_file.complete(held, given)
        settings = settings_file.judged(self.path, {**held, **added, "XINYI_SECRETS_FILE": ""})
        settings_file.write(self.path, added)
        secrets = [name for name in added if name in settings_file.MADE]
        _done(f"设置文件 {self.path}（0600）{f'，新造 {len(secrets)} 个密钥' if secrets else '，沿用已有的密钥'}")
        return replace(settings, secrets_file=self.path)

    def _asked(self, held: dict[str, str]) -> dict[str, str]:
        """Ask for what the file does not say."""
        known = dict(held)
        for question in QUESTIONS:
            if question.words and question.name not in known:
                known[question.name] = _ask(question, known)
        return {name: value for name, value in known.items() if name not in held}

    def _office(self) -> str:
        slug = self.answers.office_slug or OFFICE
        if not steps.has_office(slug):
            name = self.answers.office_name or (
                click.prompt("项目办公室的名称", "信用办公室") if self.asks else "信用办公室"
            )
            steps.office(slug, name)
        _done(f"项目办公室 {slug}")
        return slug

    def _people(self, slug: str) -> None:
        people = _asked_people() if self.asks else self.answers.people
        for person in people:
            if steps.has_account(person.username):
                _done(f"账号 {person.username} 已有")
        pending = [(each, steps.new_credentials(each)) for each in people if not steps.has_account(each.username)]
        if pending and self.answers.handover:
            steps.hand_over(Path(self.answers.handover), [made for _, made in pending])
        for person, made in pending:
            if self.asks:
                _enrol(made, generated=not person.password)
            steps.create_account(person, made, slug)
            _done(f"账号 {person.username}（{accounts.ROLES[person.role]}）")
        if pending and not self.asks:
            self._tell([made for _, made in pending])

    def _tell(self, made: list[steps.Credentials]) -> None:
        if self.answers.handover:
            _done(f"首次登录所需写在 {self.answers.handover}（0600），登记后请销毁")
            return
        for one in made:
            click.echo(f"\n用户名 {one.username}\n密码 {one.password}\n动态码 {one.uri}\n（只显示这一次）")

    def _doctor(self, settings: Settings) -> None:
        click.echo("\n检查：")
        findings = doctor.examine(settings, offline=self.offline)
        for each in findings:
            click.echo(each.line())
        click.echo(doctor.summary(findings))
        click.echo(f"\n以后执行命令前：export XINYI_SECRETS_FILE={self.path} FLASK_APP=wsgi:app")
        click.echo("启动：make serve（正式环境用 systemd，见 DEPLOYMENT.zh-CN.md）")


def _done(words: str) -> None:
    click.echo(f"✓ {words}")


def _ask(question: Question, known: dict[str, str]) -> str:
    default = question.default(known)
    shown: Callable[..., str] = click.prompt
    if question.optional:
        return shown(question.words, default=default, show_default=True).strip().removeprefix("-")
    return shown(question.words, default=default or None, hide_input=question.secret).strip()


def _asked_people() -> list[Person]:
    """The first administrator, when there is none; and the first office user, when there is none and one is wanted."""
    people = []
    if not steps.has_role("account-admin"):
        click.echo("\n第一位账号管理员：建账号、管设备，但看不到任何人的个人信息。")
        people.append(_asked_person("account-admin", "admin"))
    if not steps.has_role("office") and click.confirm("现在就建第一位项目办公室人员吗", default=True):
        people.append(_asked_person("office", "office", {one.username for one in people}))
    return people


def _asked_person(role: str, proposed: str, taken: Collection[str] = ()) -> Person:
    """Asks again for what would be refused, so that nobody registers an authenticator for nothing."""
    username = _acceptable(
        lambda: click.prompt("  用户名", proposed).strip().lower(), lambda text: steps.username_problem(text, taken)
    )
    name = click.prompt("  姓名", accounts.ROLES[role])
    password = _acceptable(
        lambda: click.prompt("  密码（至少 10 个字符；留空则生成）", "", hide_input=True, show_default=False),
        lambda text: steps.password_problem(text, username, name) if text else None,
    )
    return Person(username, name, role, password)


def _acceptable(ask: Callable[[], str], problem: Callable[[str], str | None]) -> str:
    while told := problem(given := ask()):
        click.echo(f"  {told}")
    return given


def _enrol(credentials: steps.Credentials, *, generated: bool) -> None:
    """Show the QR code and go on only when the authenticator app gives a right one-time code. A password is shown
    only where it was made here."""
    click.echo(f"\n{steps.terminal_qr(credentials.uri)}\n")
    click.echo(f"用动态码应用扫描上面的二维码，或输入：{credentials.uri}")
    for _ in range(OTP_TRIES):
        otp = click.prompt("  应用里现在显示的六位数字").strip().replace(" ", "")
        if staff.matching_step(credentials.totp_secret, otp) is not None:
            if generated:
                click.echo(f"  密码：{credentials.password}（只显示这一次）")
            return
        click.echo("  不对。请核对手机时间是否准确。")
    raise SetupRefused(f"{OTP_TRIES} 次都不对，账号没有建立。核对手机和本机的时间后，再执行一次。")
