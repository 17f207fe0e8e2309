"""Pictures of every page, in both themes, on a desk and on a phone: `make screenshots`.

They go to the directory that PICTURES names.
"""

import os
import re
from pathlib import Path

from tests.browser.addresses import Shelf
from tests.browser.conftest import Visit
from tests.browser.visitor import DESKTOP, PHONE


def _named(path: str) -> str:
    """The address without its ids, so that a picture's name is the same from one time to the next."""
    words = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=hooks/)\d+", "one", path)
    return re.sub(r"^/d/.*", "/link", words) if path != "/" else "/home"


def test_pictures(visit: Visit, shelf: Shelf) -> None:
    directory = Path(os.environ["PICTURES"])
    directory.mkdir(parents=True, exist_ok=True)
    for role in ("admin", "act", ""):
        visitor = visit(role)
        for path in shelf.pages(visitor, role):
            visitor.go(path)
            name = "-".join([role or "stranger", *re.findall(r"[\w.]+", _named(path))])
            for theme in ("light", "dark"):
                visitor.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
                for device, size in (("desktop", DESKTOP), ("phone", PHONE)):
                    visitor.page.set_viewport_size(size)
                    file = directory / f"{name}-{theme}-{device}.png"
                    visitor.page.screenshot(path=file, full_page=True)
