"""Which people have signed in from a browser before: kept by the browser itself, in a signed cookie.

The cookie opens nothing. It only spares people a mail whenever they sign in where they always do.
"""

import base64

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from housecount.tenancy.crypto import keyed_hash
from housecount.tenancy.models import User

COOKIE = "__Host-housecount-known" if settings.SESSION_COOKIE_SECURE else "housecount-known"
_SALT = "housecount.tenancy.browsers"
_KEPT = 400 * 24 * 3600
#: So many people may share a browser before the one who has not signed in for longest is told again.
_MOST = 8
_LEARNT, _FIRST = "housecount_browser_learnt", "housecount_browser_first"


def knows(request: HttpRequest, user: User) -> bool:
    """Whether this person has signed in from the request's browser before."""
    return _mark(user) in _people(request)


def learn(request: HttpRequest, user: User) -> None:
    """Have the answer to `request` tell the browser to remember this person."""
    mark = _mark(user)
    others = [each for each in _people(request) if each != mark]
    setattr(request, _LEARNT, [mark, *others][:_MOST])


def never_before(request: HttpRequest) -> None:
    """Say that whoever signs in by `request` does so for the first time ever: no browser could be known."""
    setattr(request, _FIRST, True)


def is_first(request: HttpRequest) -> bool:
    """Whether `never_before` was said."""
    return bool(getattr(request, _FIRST, False))


def remember(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give the browser its cookie, when there is something to learn."""
    learnt = getattr(request, _LEARNT, None)
    if learnt:
        response.set_cookie(
            COOKIE,
            signing.dumps(learnt, salt=_SALT),
            max_age=_KEPT,
            httponly=True,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )


def _people(request: HttpRequest) -> list[str]:
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_KEPT)
    except signing.BadSignature:
        return []
    return [str(each) for each in found][:_MOST] if isinstance(found, list) else []


def _mark(user: User) -> str:
    return base64.b64encode(keyed_hash(str(user.pk), "browser")[:12]).decode()
