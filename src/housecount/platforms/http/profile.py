"""How to speak to one platform with one credential."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from housecount.platforms.base.errors import ConfigError, PlatformError
from housecount.platforms.http.budget import BudgetReading, Rate

#: (status, lower-case headers, body) of an answer that is no success -> the error it means, or None for the
#: usual reading of the status.
Classify = Callable[[int, Mapping[str, str], bytes], PlatformError | None]
#: The headers of any answer -> what they say of the budget.
ReadBudget = Callable[[Mapping[str, str]], BudgetReading | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How to speak to one platform with one credential.

    `base_url` has no trailing slash. `header_value` carries the secret and stays out of the repr. `credential`
    names the secret without telling it: rows of the budget are kept under it. `first_timeout` is for the first
    answer of a client, in seconds: some platforms wake up slowly. `classifies_all`: `classify` also reads errors
    whose body is no JSON object.
    """

    platform: str
    label: str
    base_url: str
    header_name: str
    header_value: str = field(repr=False)
    credential: str
    rate: Rate
    classify: Classify = field(repr=False, default=lambda *_: None)
    classifies_all: bool = False
    read_budget: ReadBudget = field(repr=False, default=lambda _: None)
    concurrency: int = 4
    first_timeout: float = 40.0
    timeout: float = 20.0


def clean_secret(secret: str, label: str) -> str:
    """`secret` without surrounding space. Raises `ConfigError` for what cannot be a key: nothing, or what no header
    can carry. The message does not repeat it."""
    secret = secret.strip()
    if not secret:
        raise ConfigError(
            f"No key for {label} was given. Copy it from your {label} account and connect again."
        )
    if len(secret) > 4096 or not all("!" <= character <= "~" for character in secret):
        raise ConfigError(
            f"What was given as the key for {label} is none: it has spaces, line breaks or unusual characters. "
            "Copy it again and reconnect the account."
        )
    return secret


def fingerprint(platform: str, secret: str) -> str:
    """A stable name of a secret that does not tell it: the same key always shares the same budget."""
    return sha256(f"{platform}:{secret}".encode()).hexdigest()


def clean_base_url(url: str, label: str) -> str:
    """`url` without trailing slash. Raises `ConfigError` for what is no web address."""
    url = url.strip().rstrip("/")
    if not url.startswith(("https://", "http://")) or any(c.isspace() for c in url) or "@" in url:
        raise ConfigError(f"The address set for {label} is no web address. It must start with https://.")
    return url
