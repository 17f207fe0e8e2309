"""Logs that never hold a secret or a person's address."""

import copy
import logging
import os
import re
from io import TextIOWrapper
from pathlib import Path

_MOST_BYTES = 10_000_000
_HIDDEN = "•••"
_PATTERNS = (
    # A password inside an address.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@"), rf"\1:{_HIDDEN}@"),
    # Authorization: Bearer ..., x-api-key: ...
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {_HIDDEN}"),
    (
        re.compile(
            r"(?i)([\"']?\b[\w-]*(?:token|secret|password|passwd|api[_-]?key|authorization|signature|session(?:id)?"
            r"|csrf\w*)[\"']?\s*[=:]\s*)(?:b?[\"'][^\"']*[\"']|[^\s,;&)}\]]+)"
        ),
        rf"\1{_HIDDEN}",
    ),
    # The secret path of a webhook.
    (re.compile(r"(/hooks/[\w-]+/)[\w.~-]+"), rf"\1{_HIDDEN}"),
    # Fernet tokens, and long runs that can only be keys.
    (re.compile(r"gAAAA[\w=-]{20,}"), _HIDDEN),
    (re.compile(r"\b[0-9a-fA-F]{48,}\b"), _HIDDEN),
    # People.
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
)


def redact(text: str) -> str:
    """`text` without passwords, tokens, keys and e-mail addresses."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so that arguments and tracebacks are covered too."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class TerminalFormatter(RedactingFormatter):
    """One line per record: tracebacks are for the file."""

    def format(self, record: logging.LogRecord) -> str:
        shown = copy.copy(record)
        shown.exc_info = shown.exc_text = shown.stack_info = None
        return super().format(shown)


class HomeFileHandler(logging.FileHandler):
    """Appends to a file that is made at the first line; a big one is set aside when the process starts."""

    def __init__(self, filename: str) -> None:
        self._path = Path(filename)
        super().__init__(filename, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is None:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._path.exists() and self._path.stat().st_size > _MOST_BYTES:
                    self._path.replace(self._path.with_suffix(".log.1"))
            except OSError:
                return  # No log is no reason to stop; the console has the line too when it matters.
        super().emit(record)

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(
            os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab"),
            encoding="utf-8",
            errors="backslashreplace",
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A full disk must not fill the terminal as well."""


def log_path(home: Path) -> Path:
    """Where this installation logs to."""
    return home / "logs" / "housecount.log"


def settings(home: Path) -> dict[str, object]:
    """Django's LOGGING: warnings to the terminal, everything from information up to the file."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "housecount.installation.logs.RedactingFormatter",
                "format": "{asctime} {levelname} {name} {message}",
                "style": "{",
            },
            "terminal": {
                "()": "housecount.installation.logs.TerminalFormatter",
                "format": "{levelname}: {message}",
                "style": "{",
            },
        },
        "handlers": {
            "file": {
                "class": "housecount.installation.logs.HomeFileHandler",
                "filename": str(log_path(home)),
                "formatter": "line",
            },
            "terminal": {"class": "logging.StreamHandler", "level": "WARNING", "formatter": "terminal"},
        },
        "root": {"level": "INFO", "handlers": ["file", "terminal"]},
        "loggers": {
            "django.server": {"level": "WARNING", "handlers": ["file"], "propagate": False},
            "httpx2": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
            # What a person must know of these, the worker says in its own words.
            "procrastinate": {"level": "WARNING", "handlers": ["file"], "propagate": False},
            "psycopg": {"level": "WARNING", "handlers": ["file"], "propagate": False},
        },
    }
