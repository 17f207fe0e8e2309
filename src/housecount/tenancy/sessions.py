"""Sessions in the database: who is signed in where, and ending it.

Django loads a session before, and saves it after, the transaction of the request; each of these is then a
small transaction of its own, read and written by nobody in particular. Inside a request's transaction they are part
of it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.http import HttpRequest
from django.utils import timezone

from housecount.tenancy.devices import device
from housecount.tenancy.identity import Identity, acting_as, current_identity
from housecount.tenancy.models import Session, User

#: How old `seen_at` may be before a request writes it anew: a page that is looked at must not write each time.
SEEN_EVERY = timedelta(minutes=5)
_DEVICE, _SIGNED_IN_AT = "device", "signed_in_at"


@contextmanager
def _scope() -> Iterator[None]:
    if current_identity() is not None:
        yield
        return
    with acting_as(Identity.nobody()):
        yield


class SessionStore(DatabaseSessions):
    """Django's, with an identity around every statement, in a table that says whose each session is."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Where sessions are kept."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row of this session with `data`, whose person and device are written beside it."""
        session = cast("Session", super().create_model_instance(data))
        user, signed_in_at = data.get(USER_KEY), data.get(_SIGNED_IN_AT)
        session.user_id = UUID(user) if user else None
        session.device = str(data.get(_DEVICE, ""))[:80]
        session.signed_in_at = datetime.fromisoformat(signed_in_at) if signed_in_at else None
        session.seen_at = timezone.now()
        return session

    def load(self) -> dict[str, Any]:
        with _scope():
            return super().load()

    def _get_session_from_db(self) -> Session | None:
        found: Session | None = super()._get_session_from_db()  # type: ignore[misc] # the stubs leave it out
        now = timezone.now()
        if found is not None and found.user_id is not None and now - found.seen_at > SEEN_EVERY:
            Session.objects.filter(pk=found.pk).update(seen_at=now)
        return found

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is signed in. `handle` names it in an address, and is no use for signing in."""

    handle: str
    device: str
    signed_in_at: datetime | None
    seen_at: datetime
    here: bool


def places(user: User, here: str | None) -> list[Place]:
    """Where this person is signed in, `here` (the key of the request's session) first, then by when last seen."""
    rows = Session.objects.filter(user_id=user.pk, expire_date__gt=timezone.now()).order_by("-seen_at")
    found = [
        Place(_handle(row.pk), row.device or "A browser", row.signed_in_at, row.seen_at, row.pk == here)
        for row in rows
    ]
    return sorted(found, key=lambda place: not place.here)


def end(user: User, handle: str) -> bool:
    """Sign this person out in one place; whether there was such a place."""
    keys = [key for key in _keys(user) if _handle(key) == handle]
    return bool(Session.objects.filter(user_id=user.pk, pk__in=keys).delete()[0])


def end_others(user: User, here: str | None) -> int:
    """Sign this person out everywhere but `here`; in how many places."""
    keys = [key for key in _keys(user) if key != here]
    return Session.objects.filter(user_id=user.pk, pk__in=keys).delete()[0]


def end_all(user_id: UUID) -> None:
    """Sign somebody out everywhere, whoever asks: what they may do has changed."""
    with acting_as(Identity.nobody(user_id)):
        Session.objects.filter(user_id=user_id).delete()


def remember_device(request: HttpRequest, **_: object) -> None:
    """Write down with the session from what, and when, somebody signs in; a receiver of `user_logged_in`."""
    request.session[_DEVICE] = device(request.META.get("HTTP_USER_AGENT", ""))
    request.session[_SIGNED_IN_AT] = timezone.now().isoformat()


def end_where_the_password_was_old(request: HttpRequest, user: AbstractBaseUser, **_: object) -> None:
    """A receiver of allauth's signals on passwords: other sessions are dead already, and need not be listed."""
    if isinstance(user, User):
        here = request.session.session_key if request.user.is_authenticated else None
        with acting_as(Identity.nobody(user.pk)):
            end_others(user, here)


def begin_anew_with_the_factor(
    request: HttpRequest, user: AbstractBaseUser, authenticator: Authenticator, **_: object
) -> None:
    """A receiver of allauth's signal on a second factor: sessions that a password alone began end, and this one gets
    another key."""
    if isinstance(user, User) and authenticator.type == Authenticator.Type.TOTP:
        with acting_as(Identity.nobody(user.pk)):
            request.session.cycle_key()
            end_others(user, request.session.session_key)


def _keys(user: User) -> list[str]:
    return list(Session.objects.filter(user_id=user.pk).values_list("pk", flat=True))


def _handle(key: str) -> str:
    return hashlib.sha256(f"place {key}".encode()).hexdigest()[:24]
