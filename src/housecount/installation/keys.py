"""The installation's own keys, kept in the home directory when the environment names none."""

import base64
import binascii
import secrets
from pathlib import Path

from housecount.installation.files import write_private

_SECRET_KEY_FILE = "secret-key"  # noqa: S105 - a file's name
_ENCRYPTION_KEYS_FILE = "encryption-keys"


def new_encryption_key() -> str:
    """A fresh Fernet key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def is_encryption_key(text: str) -> bool:
    """Whether `text` has the form of a Fernet key."""
    try:
        return len(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)) == 32
    except (ValueError, binascii.Error):
        return False


def read_secret_key(home: Path) -> str:
    """The key that signs sessions and links, or an empty string when none was made yet."""
    return _read(home / _SECRET_KEY_FILE)


def read_encryption_keys(home: Path) -> str:
    """Comma-separated Fernet keys, the first of which encrypts; empty when none was made yet."""
    return _read(home / _ENCRYPTION_KEYS_FILE)


def ensure_keys(home: Path) -> None:
    """Make the keys that are missing. Two processes that do it at once end up with the same ones."""
    if not read_secret_key(home):
        write_private(home / _SECRET_KEY_FILE, secrets.token_urlsafe(50), replace=False)
    if not read_encryption_keys(home):
        write_private(home / _ENCRYPTION_KEYS_FILE, new_encryption_key(), replace=False)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
