"""One installation and one browser for all tests here; a context of its own for each.

One worker has them all (see `tests/conftest.py`), beside the others with the rest.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from housecount.installation.postgres import EmbeddedServer
from tests.browser import chromium
from tests.browser.addresses import Shelf
from tests.browser.house import House, open_house
from tests.browser.visitor import Visitor, visiting

Visit = Callable[..., Visitor]
#: A machine that runs other tests at once is slow at times.
_PATIENCE_MS = 15_000


@pytest.fixture(scope="package")
def house(database_server: EmbeddedServer) -> Iterator[House]:
    """The installation, furnished and served."""
    with open_house(database_server, "housecount_template") as opened:
        yield opened


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = chromium.ready()
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        try:
            yield launched
        finally:
            launched.close()


@pytest.fixture(scope="package")
def sessions() -> dict[str, Any]:
    """The cookies of everybody who signed in before, by role."""
    return {}


@pytest.fixture(scope="package")
def shelf() -> Shelf:
    """Which pages there are."""
    return Shelf()


@pytest.fixture
def visit(house: House, browser: Browser, sessions: dict[str, Any]) -> Iterator[Visit]:
    """`visit("promoter", viewport=PHONE)`: somebody who is signed in; `visit()`: somebody who is not."""
    with ExitStack() as open_ones:

        def begin(role: str = "", **options: Any) -> Visitor:
            if role and role not in sessions:
                with visiting(house, browser) as first:
                    first.sign_in(role)
                    sessions[role] = first.context.storage_state()
            state = sessions.get(role) if role else None
            return open_ones.enter_context(visiting(house, browser, storage_state=state, **options))

        yield begin
