"""A person at a browser, as far as HTTP goes: signs in and opens pages, over one kept connection."""

import http.client
import re
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_LOGIN = "/account/login/"


class Visitor:
    """`with Visitor(port) as visitor:`; keeps cookies.

    Methods raise OSError or http.client.HTTPException when no answer comes.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=20)
        self._cookies: dict[str, str] = {}
        self._origin = f"http://{host}:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def cookie(self) -> str:
        """What a browser would send along."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        return self._ask("GET", path)

    def sign_in(self, email: str, password: str) -> bool:
        """Whether the site let us in."""
        status, page = self.get(_LOGIN)
        found = _TOKEN.search(page)
        if status != 200 or found is None:
            return False
        form = urlencode({"csrfmiddlewaretoken": found[1], "login": email, "password": password})
        status, _ = self._ask("POST", _LOGIN, form)
        return status == 302

    def _ask(self, method: str, path: str, form: str | None = None) -> tuple[int, str]:
        headers = {"Cookie": self.cookie}
        if form is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": self._origin + path}
        try:
            self._connection.request(method, path, form, headers)
            response = self._connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        for value in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(value).items():
                self._cookies[name] = morsel.value
        return response.status, text
