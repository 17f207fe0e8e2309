"""Sessions in the database, read and written by nobody in particular.

Django loads a session before, and saves it after, the transaction of the request; each of these is then a
small transaction of its own. Inside a request's transaction they are part of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

from housecount.tenancy.identity import Identity, acting_as, current_identity


@contextmanager
def _scope() -> Iterator[None]:
    if current_identity() is not None:
        yield
        return
    with acting_as(Identity.nobody()):
        yield


class SessionStore(DatabaseSessions):
    """Django's, with an identity around every statement."""

    def load(self) -> dict[str, Any]:
        with _scope():
            return super().load()

    def exists(self, session_key: str) -> bool:
        with _scope():
            return super().exists(session_key)

    def save(self, must_create: bool = False) -> None:
        with _scope():
            super().save(must_create=must_create)

    def delete(self, session_key: str | None = None) -> None:
        with _scope():
            super().delete(session_key)

    @classmethod
    def clear_expired(cls) -> None:
        """Remove sessions that have run out."""
        with _scope():
            super().clear_expired()
