"""Every page there is: fit for everybody's eyes, at every width, in both themes, without a word on the console."""

import pytest

from tests.browser.addresses import Shelf
from tests.browser.conftest import Visit
from tests.browser.visitor import DESKTOP, NARROW

pytestmark = pytest.mark.browser

#: So many pages there are at the least: a walk that loses its way would find nothing wrong.
_LEAST = {"admin": 40, "act": 5, "": 3}
_PARTS = 4


@pytest.mark.parametrize(
    ("role", "part", "of"), [*(("admin", part, _PARTS) for part in range(_PARTS)), ("act", 0, 1), ("", 0, 1)]
)
def test_every_page_is_accessible_in_both_themes_and_fits_at_every_width(
    visit: Visit, shelf: Shelf, role: str, part: int, of: int
) -> None:
    visitor = visit(role)
    # The pages of signing in are the same for everybody.
    found = [
        path
        for path in shelf.pages(visitor, role)
        if role != "act" or not path.startswith(("/account/", "/d/"))
    ]
    assert len(found) >= _LEAST[role], found
    wrong = []
    for path in found[part::of]:
        visitor.page.set_viewport_size(DESKTOP)
        visitor.page.emulate_media(color_scheme="light")
        visitor.go(path)
        wrong += visitor.look()
        wrong += visitor.no_sideways()
        wrong += visitor.accessible()
        visitor.page.set_viewport_size(NARROW)
        visitor.page.emulate_media(color_scheme="dark")
        wrong += visitor.no_sideways()
        wrong += [
            f"dark, narrow: {each}" for each in visitor.accessible(only=["target-size", "color-contrast"])
        ]
    wrong += visitor.heard()
    visitor.said.clear()
    assert not wrong, "\n".join(wrong)
