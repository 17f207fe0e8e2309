"""How Xero speaks: its limits, and what an answer that is no success means."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from housecount.installation import environment
from housecount.platforms.base.errors import ConfigError, Gone, PlatformError, RateLimited
from housecount.platforms.http.answers import retry_after
from housecount.platforms.http.budget import Rate
from housecount.platforms.http.profile import Profile, clean_base_url, fingerprint
from housecount.xero import tokens, wire
from housecount.xero.errors import MissingScope, Rejected

LABEL = "Xero"
#: Five may run at once for an organisation, whoever they are: we leave room for others.
_CONCURRENCY = 2


class TokenRefused(ConfigError):
    """The token is not accepted: perhaps only too old."""

    code = "xero_token_refused"


def classify(status: int, headers: Mapping[str, str], body: bytes) -> PlatformError | None:
    """What an answer of Xero's that is no success means."""
    if status == 400:
        try:
            said = msgspec.json.decode(body, type=_Said)
        except msgspec.DecodeError:
            said = _Said()
        words = wire.complaints(body) or tuple(text for text in (said.detail, said.message) if text)
        return Rejected(words)
    if status == 404:
        return Gone("Xero has no such thing (any more).")
    asked = headers.get("www-authenticate", "").lower()
    if status in (401, 403) and ("insufficient_scope" in asked or "insufficent_scope" in asked):
        return MissingScope(
            "Our consent at Xero does not cover this. Enable the scopes "
            f"{', '.join(tokens.SCOPES)} for the application and connect again."
        )
    if status == 401:
        return TokenRefused("Xero does not accept our sign-in any more. Connect again.")
    if status == 403:
        return ConfigError("Xero does not let us into this organisation any more. Connect again.")
    if status == 429 and "day" in headers.get("x-rate-limit-problem", "").lower():
        # The usual reading caps what is asked for at an hour; a day's end may be further away.
        text = headers.get("retry-after", "")
        wait = float(text) if text.isascii() and text.isdigit() and len(text) < 7 else retry_after(headers)
        return RateLimited(
            "Xero's calls for today are used up for this organisation; it goes on when Xero allows it.",
            min(wait or 3600.0, 86_400.0),
        )
    return None


class _Said(msgspec.Struct, rename="pascal"):
    message: str = ""
    detail: str = ""


def host_root() -> str:
    """The root of the API's host, where /connections is."""
    parts = urlsplit(environment.load().xero_api_url)
    return f"{parts.scheme}://{parts.netloc}"


def profile(
    base_url: str,
    credential: str,
    day: Callable[[int], None] = lambda _: None,
    heard: Callable[[bytes], None] = lambda _: None,
) -> Profile:
    """How to speak to Xero for one organisation of theirs. `day` is told how many calls its day still has, `heard` the
    body of every answer that is no success."""

    def read(status: int, headers: Mapping[str, str], body: bytes) -> PlatformError | None:
        heard(body)
        return classify(status, headers, body)

    def read_budget(headers: Mapping[str, str]) -> None:
        # Of the minute nothing is taken over: it is not said when it ends.
        left = headers.get("x-daylimit-remaining", "")
        if left.isascii() and left.isdigit() and len(left) < 9:
            day(int(left))

    return Profile(
        platform="xero",
        label=LABEL,
        base_url=clean_base_url(base_url, LABEL),
        header_name="Accept",
        header_value="application/json",
        credential=fingerprint("xero", credential),
        rate=Rate(limit=environment.load().xero_calls_per_minute, seconds=60.0, percent=90),
        classify=read,
        classifies_all=True,
        read_budget=read_budget,
        concurrency=_CONCURRENCY,
        first_timeout=30.0,
        timeout=30.0,
    )
