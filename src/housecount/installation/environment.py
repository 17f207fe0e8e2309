"""Everything the surroundings tell us, read once from the environment variables."""

import base64
import binascii
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_dir

from housecount.installation import keys
from housecount.installation.errors import BadSetting

_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
SETTINGS_FILE = "settings.env"
_DEFAULT_URLS = {
    "HUMANITIX_API_URL": "https://api.humanitix.com/v1",
    "EVENTBRITE_API_URL": "https://www.eventbriteapi.com/v3",
    "XERO_API_URL": "https://api.xero.com/api.xro/2.0",
    "XERO_IDENTITY_URL": "https://identity.xero.com",
    "XERO_LOGIN_URL": "https://login.xero.com",
}


@dataclass(frozen=True)
class Environment:
    """The settings of this process. Base URLs have no trailing slash; secrets do not show in the repr.

    `database_url` is None when the embedded server is to be used. `secret_key` and `encryption_keys` are
    empty only with the embedded server, before its first start. `read_every` is in seconds. The call limits are
    what a platform allows one key in its own period: Humanitix a minute, Eventbrite an hour. `proxies` is how many
    reverse proxies stand in front of us; `refund_days` for how long after a show refunds are still looked for.
    """

    home: Path
    database_url: str | None = field(repr=False)
    database_owner_url: str | None = field(repr=False)
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    public_url: str | None
    allowed_hosts: tuple[str, ...]
    humanitix_api_url: str
    eventbrite_api_url: str
    xero_api_url: str
    xero_identity_url: str
    xero_login_url: str
    humanitix_call_limit: int
    eventbrite_call_limit: int
    humanitix_api_key: str | None = field(repr=False)
    humanitix_webhook_secret: str | None = field(repr=False)
    eventbrite_api_key: str | None = field(repr=False)
    eventbrite_webhook_secret: str | None = field(repr=False)
    xero_client_id: str | None
    xero_client_secret: str | None = field(repr=False)
    xero_webhook_key: str | None = field(repr=False)
    xero_calls_per_minute: int
    read_every: int
    refund_days: int
    hooks_kept_days: int
    operator_token: str | None = field(repr=False)
    proxies: int
    alert_url: str | None = field(repr=False)
    alert_secret: str | None = field(repr=False)
    email_url: str | None = field(repr=False)
    email_from: str

    @property
    def embedded(self) -> bool:
        """Whether the database is the embedded server."""
        return self.database_url is None

    @property
    def secure(self) -> bool:
        """Whether the world reaches us over https, so that cookies must not travel without it."""
        return self.public_url is not None and self.public_url.startswith("https://")


@functools.cache
def load() -> Environment:
    """The environment of this process, read at the first call.

    Variables that are not set are looked for in the file `settings.env` in the home directory. Raises
    BadSetting, naming the variable and never its value. `load.cache_clear()` makes the next call read again.
    """
    home = _home(os.environ.get("HOUSECOUNT_HOME", ""))
    return parse({**read_file(home / SETTINGS_FILE), **os.environ})


def read_file(path: Path) -> dict[str, str]:
    """The variables of a file with lines NAME=VALUE; empty lines and lines that begin with # say nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign or not name.strip().replace("_", "").isalnum():
            raise BadSetting(f"Line {number} of {path} is not of the form NAME=VALUE.")
        found[name.strip()] = value.strip()
    return found


def parse(variables: Mapping[str, str]) -> Environment:
    """The environment told by `variables`; see `load`."""

    def optional(name: str) -> str | None:
        return variables.get(name, "").strip() or None

    home = _home(variables.get("HOUSECOUNT_HOME", ""))
    database_url = optional("DATABASE_URL")
    public_url = _base_url("HOUSECOUNT_PUBLIC_URL", optional("HOUSECOUNT_PUBLIC_URL"))
    secret_key = optional("HOUSECOUNT_SECRET_KEY")
    encryption_keys = optional("HOUSECOUNT_ENCRYPTION_KEYS")
    if database_url is None:
        secret_key = secret_key or keys.read_secret_key(home)
        encryption_keys = encryption_keys or keys.read_encryption_keys(home)
    urls = {name: _base_url(name, optional(name)) or default for name, default in _DEFAULT_URLS.items()}
    return Environment(
        home=home,
        database_url=_database_url("DATABASE_URL", database_url),
        database_owner_url=_database_url("DATABASE_OWNER_URL", optional("DATABASE_OWNER_URL")),
        secret_key=_secret_key(secret_key, required=database_url is not None),
        encryption_keys=_encryption_keys(encryption_keys, required=database_url is not None),
        public_url=public_url,
        allowed_hosts=_allowed_hosts(optional("HOUSECOUNT_ALLOWED_HOSTS"), public_url),
        humanitix_api_url=urls["HUMANITIX_API_URL"],
        eventbrite_api_url=urls["EVENTBRITE_API_URL"],
        xero_api_url=urls["XERO_API_URL"],
        xero_identity_url=urls["XERO_IDENTITY_URL"],
        xero_login_url=urls["XERO_LOGIN_URL"],
        humanitix_call_limit=_whole("HUMANITIX_CALL_LIMIT", optional("HUMANITIX_CALL_LIMIT"), 200),
        eventbrite_call_limit=_whole("EVENTBRITE_CALL_LIMIT", optional("EVENTBRITE_CALL_LIMIT"), 2000),
        humanitix_api_key=optional("HUMANITIX_API_KEY"),
        humanitix_webhook_secret=optional("HUMANITIX_WEBHOOK_SECRET"),
        eventbrite_api_key=optional("EVENTBRITE_API_KEY"),
        eventbrite_webhook_secret=optional("EVENTBRITE_WEBHOOK_SECRET"),
        xero_client_id=optional("XERO_CLIENT_ID"),
        xero_client_secret=optional("XERO_CLIENT_SECRET"),
        xero_webhook_key=optional("XERO_WEBHOOK_KEY"),
        xero_calls_per_minute=_whole("XERO_CALLS_PER_MINUTE", optional("XERO_CALLS_PER_MINUTE"), 60),
        read_every=_whole("HOUSECOUNT_READ_EVERY", optional("HOUSECOUNT_READ_EVERY"), 120),
        refund_days=_whole("HOUSECOUNT_REFUND_DAYS", optional("HOUSECOUNT_REFUND_DAYS"), 60),
        hooks_kept_days=_whole("HOUSECOUNT_HOOKS_KEPT_DAYS", optional("HOUSECOUNT_HOOKS_KEPT_DAYS"), 30),
        operator_token=_operator_token(optional("HOUSECOUNT_OPERATOR_TOKEN")),
        proxies=_whole("HOUSECOUNT_PROXIES", optional("HOUSECOUNT_PROXIES"), 0, least=0),
        alert_url=_alert_url(optional("HOUSECOUNT_ALERT_URL")),
        alert_secret=_alert_secret(optional("HOUSECOUNT_ALERT_SECRET")),
        email_url=optional("HOUSECOUNT_EMAIL_URL"),
        email_from=optional("HOUSECOUNT_EMAIL_FROM") or "Housecount <housecount@localhost>",
    )


def _home(value: str) -> Path:
    return Path(value.strip() or user_data_dir("housecount")).expanduser().absolute()


def _base_url(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise BadSetting(f"{name} must be an address such as https://tickets.example.org, without a query.")
    if parts.username or parts.password:
        raise BadSetting(f"{name} must not hold a user name or a password.")
    return value.rstrip("/")


def _database_url(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not value.startswith(("postgres://", "postgresql://")):
        raise BadSetting(f"{name} must begin with postgresql://; Housecount runs on PostgreSQL only.")
    return value


def _secret_key(value: str | None, *, required: bool) -> str:
    if value:
        if len(value) < 32:
            raise BadSetting("HOUSECOUNT_SECRET_KEY is too short: use at least 32 random characters.")
        return value
    if required:
        raise BadSetting(
            "HOUSECOUNT_SECRET_KEY must be set when DATABASE_URL is. Make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
        )
    return ""


def _encryption_keys(value: str | None, *, required: bool) -> tuple[str, ...]:
    found = tuple(part.strip() for part in (value or "").split(",") if part.strip())
    if not found and required:
        raise BadSetting(
            "HOUSECOUNT_ENCRYPTION_KEYS must be set when DATABASE_URL is. Make one with: python3 -c "
            '"import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())"'
        )
    for position, key in enumerate(found, start=1):
        if not keys.is_encryption_key(key):
            raise BadSetting(
                f"Key {position} in HOUSECOUNT_ENCRYPTION_KEYS is not a Fernet key: 32 bytes in URL-safe base64."
            )
    return found


def _allowed_hosts(value: str | None, public_url: str | None) -> tuple[str, ...]:
    named = [host.strip() for host in (value or "").split(",") if host.strip()]
    public = [host] if public_url and (host := urlsplit(public_url).hostname) else []
    return tuple(dict.fromkeys([*_LOOPBACK_HOSTS, *public, *named]))


def _operator_token(value: str | None) -> str | None:
    if value is not None and (
        len(value) < 24 or not value.isascii() or not value.isprintable() or " " in value
    ):
        raise BadSetting(
            "HOUSECOUNT_OPERATOR_TOKEN must be at least 24 characters without spaces. Make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value


def _alert_url(value: str | None) -> str | None:
    """As given, with its query: receivers often keep their key there."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise BadSetting("HOUSECOUNT_ALERT_URL must be an address such as https://example.org/alerts.")
    return value


def _alert_secret(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not value.startswith("whsec_") or len(key) < 24:
        raise BadSetting(
            "HOUSECOUNT_ALERT_SECRET must be whsec_ and at least 24 bytes in base64. Make one with: python3 -c "
            "\"import base64, secrets; print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\""
        )
    return value


def _whole(name: str, value: str | None, default: int, *, least: int = 1) -> int:
    if value is None:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) < 10) or int(value) < least:
        raise BadSetting(f"{name} must be a whole number of at least {least}.")
    return int(value)
