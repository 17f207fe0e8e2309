"""How allauth signs people in here: by invitation only, and changing only the person who proved themselves."""

from io import BytesIO

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.urls import reverse

from housecount.installation import environment
from housecount.tenancy import crypto, mails
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import User


def public_link(request: HttpRequest | None, path: str) -> str:
    """The address of `path` for a mail: under HOUSECOUNT_PUBLIC_URL, else where the request came in.

    Mail is what a forged Host header is for, so the configured address wins.
    """
    public_url = environment.load().public_url
    if public_url is not None:
        return public_url + path
    return request.build_absolute_uri(path) if request is not None else path


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth is not typed
    """No sign-up without an invitation; links in mails lead to the configured address."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address or the password is not right.",
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes and try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Never: people come by invitation."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in a person whose password was right: from here on they may change their own row."""
        with acting_as(Identity.nobody(user.pk)):
            super().login(request, user)

    def set_password(self, user: User, password: str) -> None:
        """Store a new password for a person who proved themselves by the old one or by a mailed link."""
        with acting_as(Identity.nobody(user.pk)):
            super().set_password(user, password)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Write the mail now and post it after the answer, which then takes no longer for a known address."""
        words = {"request": self.request, "email": email} | context
        mails.post_later(self.render_mail(template_prefix, email, words))

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in a password mail; `key` is as allauth made it."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return public_link(self.request, path.replace("UID-KEY", key))


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth is not typed
    """One-time codes: their secrets are encrypted at rest."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right, or was used already. Wait for the next one.",
    }

    def encrypt(self, text: str) -> str:
        """`text` as it is kept."""
        return crypto.encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was given to `encrypt`. Raises KeyMissing when the key is gone."""
        return crypto.decrypt(encrypted_text.encode()).reveal()

    def build_totp_svg(self, url: str) -> str:
        """A picture of `url` for an app's camera, as an element to be put into a page as it is."""
        import qrcode
        from qrcode.image.svg import SvgPathImage

        written = BytesIO()
        qrcode.make(url, image_factory=SvgPathImage, border=2).save(written)
        drawn = written.getvalue().decode()
        return drawn[drawn.index("<svg") :].replace("<svg", '<svg role="img" aria-label="QR code"', 1)
