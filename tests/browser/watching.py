"""A page under watch: where it sends requests, what it complains of, and whether anybody could use it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, expect

from config.settings import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")


class Watched:
    """A page of ours. ``complaints``: uncaught errors and everything the browser logged as an error.

    ``expected`` lists texts of complaints that a test provokes on purpose.
    """

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self.context, self.page = context, context.new_page()
        self.strangers: list[str] = []
        self._heard: list[str] = []
        self.expected: list[str] = []
        host = urlsplit(base_url).netloc
        context.on("request", lambda request: self._note(request.url, host))
        self.page.on("pageerror", lambda error: self._heard.append(str(error)))
        self.page.on("console", self._hear)

    def _note(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            self.strangers.append(url)

    def _hear(self, said: ConsoleMessage) -> None:
        """A refusal of the API (4xx) is an answer, which the browser logs all the same."""
        answered = "/api/v1/" in said.location["url"] and "status of 4" in said.text
        if said.type == "error" and not answered:
            self._heard.append(said.text)

    @property
    def complaints(self) -> list[str]:
        return [text for text in self._heard if not any(known in text for known in self.expected)]

    def goto(self, path: str) -> None:
        self.page.goto(path)

    def press(self, name: str, *, within: Locator | None = None) -> None:
        """Press the button that is called exactly this."""
        (within or self.page).get_by_role("button", name=name, exact=True).first.click()

    def sees(self, text: str) -> None:
        """Wait until the text is visible somewhere."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def is_usable(self) -> None:
        """Nothing hangs over the edge of a phone, and axe finds nothing serious."""
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, f"{wide} px on a screen of {window} px"
        if not self.page.evaluate("Boolean(globalThis.axe)"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found: list[dict[str, Any]] = self.page.evaluate("async () => (await axe.run(document)).violations")
        grave = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found if one["impact"] in GRAVE]
        assert not grave, grave
