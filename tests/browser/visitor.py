"""Somebody at a browser, and what a page must be whoever looks at it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, ViewportSize, expect

from tests.browser.house import House

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROW: ViewportSize = {"width": 320, "height": 640}
#: Every level up to AA of WCAG 2.2, and what is good practice beyond it.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE = Axe()
_CHECK = "async options => (await axe.run(options)).violations"
_LISTEN_FOR_VIOLATIONS = """
    document.addEventListener('securitypolicyviolation', event => console.error(
        'CSP: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile + ':' + event.lineNumber))
"""
_LOOK = """() => ({
    title: document.title,
    lang: document.documentElement.lang,
    headings: [...document.querySelectorAll('h1')].map(each => each.textContent.trim()),
    mains: document.querySelectorAll('main').length,
    banners: document.querySelectorAll('body > header').length,
})"""
# What is wider than the window and is not in something that scrolls by itself.
_TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')]
        .filter(each => each.getBoundingClientRect().right > width + 1)
        .slice(0, 5).map(each => each.outerHTML.slice(0, 120));
}"""


@dataclass
class Visitor:
    """A context of its own with one page. `excused`: patterns of what the console may say."""

    house: House
    context: BrowserContext
    page: Page
    said: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)

    def go(self, path: str) -> Response:
        """Opens a page of ours; what the server answered."""
        response = self.page.goto(self.house.url + path)
        assert response is not None
        return response

    def sign_in(self, role: str) -> None:
        """By the form, as a person does."""
        self.go("/account/login/")
        self.page.get_by_label("E-mail").fill(self.house.email(role))
        self.page.get_by_label("Password").fill(self.house.password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator("header nav")).to_be_visible()

    def forgive(self, pattern: str) -> None:
        """What the test itself brings about, such as a connection that is cut."""
        self.excused.append(pattern)

    def heard(self) -> list[str]:
        """What the console said that it should not have."""
        return [each for each in self.said if not any(re.search(pattern, each) for pattern in self.excused)]

    def no_sideways(self) -> list[str]:
        """What makes the page scroll sideways, in words."""
        wide = self.page.evaluate(_TOO_WIDE)
        return [f"{self.page.url} is wider than the window: {wide}"] if wide else []

    def look(self) -> list[str]:
        """What is missing of what every page has: a title, one first heading, its landmarks."""
        found = self.page.evaluate(_LOOK)
        wrong = []
        if not found["title"].removesuffix("Housecount").strip(" ·"):
            wrong.append("no title of its own")
        if len(found["headings"]) != 1 or not found["headings"][0]:
            wrong.append(f"first headings: {found['headings']}")
        if (found["mains"], found["lang"]) != (1, "en-AU"):
            wrong.append(f"{found['mains']} <main>, in {found['lang']!r}")
        return [f"{self.page.url}: {each}" for each in wrong]

    def accessible(self, *, only: list[str] | None = None) -> list[str]:
        """What axe finds wrong, in words; `only`: these rules and no others."""
        chosen: dict[str, Any] = {"runOnly": {"type": "rule", "values": only} if only else _TAGS}
        # Once for each page that is opened, and no more told than is asked for.
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(_AXE.axe_script)
        found = self.page.evaluate(_CHECK, {**chosen, "resultTypes": ["violations"]})
        return [
            f"{self.page.url} {each['id']}: {each['help']}\n  "
            + "\n  ".join(
                f"{node['html'][:160]} {json.dumps(node['any'][:1])[:240]}" for node in each["nodes"][:4]
            )
            for each in found
        ]


@contextmanager
def visiting(house: House, browser: Browser, **options: Any) -> Iterator[Visitor]:
    """A visitor; AssertionError at the end when the console said what it should not have."""
    settings: dict[str, Any] = {"viewport": DESKTOP, "reduced_motion": "reduce", "locale": "en-AU", **options}
    context = browser.new_context(**settings)
    context.set_default_timeout(15_000)
    context.add_init_script(_LISTEN_FOR_VIOLATIONS)
    page = context.new_page()
    visitor = Visitor(house, context, page)

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visitor.said.append(f"{page.url}: {message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: visitor.said.append(f"{page.url}: {error}"))
    page.on(
        "response",
        lambda answer: visitor.said.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None,
    )
    try:
        yield visitor
        heard = visitor.heard()
        assert not heard, "\n".join(heard)
    finally:
        context.close()
