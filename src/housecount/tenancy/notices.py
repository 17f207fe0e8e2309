"""Mails about one's own sign-in: whoever did not do it themselves learns of it, at an address that is theirs.

Each goes only to the person whose sign-in it was, after it was done: nobody else learns anything by causing one. No
address of the network is in them, because none is kept.
"""

from typing import Any, Final, NamedTuple

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from housecount.tenancy import browsers, mails
from housecount.tenancy.adapter import public_link
from housecount.tenancy.devices import device
from housecount.tenancy.models import User

_PRINTED: Final = "django.core.mail.backends.console.EmailBackend"


class Notice(NamedTuple):
    """What a mail says: its subject, and what was done, as a sentence."""

    subject: str
    said: str


PASSWORD = Notice("your password was changed", "Your password was changed.")
FACTOR_ON = Notice(
    "two-factor sign-in is on",
    "Two-factor sign-in was switched on: beside the password, a code from your phone is asked for.",
)
FACTOR_OFF = Notice(
    "two-factor sign-in is off",
    "Two-factor sign-in was switched off: your password alone is enough to sign in as you.",
)
FACTOR_FORGOTTEN = Notice(
    "two-factor sign-in is off",
    "Whoever runs this installation has switched off your two-factor sign-in, and has signed you out everywhere.",
)
NEW_CODES = Notice(
    "new recovery codes", "New recovery codes were made; those from before open nothing any more."
)
CODE_USED = Notice("a recovery code was used", "A recovery code was used in place of a code from your phone.")
NEW_BROWSER = Notice(
    "signed in from a new browser", "Somebody signed in as you from a browser not seen before."
)


def tell(user: User, notice: Notice, request: HttpRequest | None = None, more: str = "") -> None:
    """Mail `notice` to the person it is about, in the background; with the browser that `request` came from."""
    if settings.EMAIL_BACKEND == _PRINTED:
        # It would be read on the terminal by whoever runs the installation, and never by the person.
        return
    words = {
        "said": notice.said,
        "more": more,
        "device": device(request.META.get("HTTP_USER_AGENT", "")) if request is not None else "",
        "at": timezone.now(),
        "sessions": public_link(request, reverse("sessions")),
        "password": public_link(request, reverse("account_reset_password")),
    }
    mails.post_later(
        EmailMessage(
            subject=f"Housecount: {notice.subject}",
            body=render_to_string("tenancy/mail/own_sign_in.txt", words),
            to=[user.email],
        )
    )


# --- Receivers of the signals of signing in -----------------------------------------------------------
def signed_in(request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    """Tells of a browser that has not signed in as this person before; it is known from now on."""
    # A session can be begun without a browser, by a program; there is nothing to tell of then.
    if isinstance(user, User) and "REMOTE_ADDR" in request.META and not browsers.knows(request, user):
        browsers.learn(request, user)
        if not browsers.is_first(request):
            tell(user, NEW_BROWSER, request)


def password_changed(request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    """Tells of a new password, however it was set."""
    if isinstance(user, User):
        tell(user, PASSWORD, request)


def factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Tells of a second factor; its recovery codes come with it."""
    if authenticator.type == Authenticator.Type.TOTP:
        tell(user, FACTOR_ON, request)


def factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Tells that the password alone is enough again."""
    if authenticator.type == Authenticator.Type.TOTP:
        tell(user, FACTOR_OFF, request)


def codes_made(request: HttpRequest, user: User, **_: Any) -> None:
    """Tells of new recovery codes."""
    tell(user, NEW_CODES, request)


def code_used(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Tells of a recovery code that was used, and how many are left."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        # Read anew: what the signal brings is as it was before.
        left = len(Authenticator.objects.get(pk=authenticator.pk).wrap().get_unused_codes())
        tell(user, CODE_USED, request, more=f"{left or 'None'} of them {'is' if left == 1 else 'are'} left.")
