"""allauth's forms in this site's words: its labels, without a placeholder that says the label again."""

from typing import Any, Final

from allauth.account import forms as allauth_forms
from django.forms import BaseForm

_LABELS: Final = {
    "Email": "E-mail",
    "Current Password": "Current password",
    "New Password": "New password",
    "New Password (again)": "New password, again",
}


class _OurWords(BaseForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            label = str(field.label)
            field.label = _LABELS.get(label, label)
            field.widget.attrs.pop("placeholder", None)


class LoginForm(_OurWords, allauth_forms.LoginForm):  # type: ignore[misc] # allauth is not typed
    """E-mail and password."""


class ResetPasswordForm(_OurWords, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """Where to mail a link."""


class ResetPasswordKeyForm(_OurWords, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password for who has the link."""


class ChangePasswordForm(_OurWords, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    """A new password for who knows the old one."""


class ReauthenticateForm(_OurWords, allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    """The password once more."""
