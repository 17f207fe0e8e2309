"""What people type about themselves and each other."""

from django import forms

from housecount.tenancy.models import ROLE_CHOICES


class AcceptForm(forms.Form):
    """How somebody without an account joins."""

    name = forms.CharField(
        max_length=200, label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        max_length=1000,
        strip=False,
        label="Choose a password",
        help_text="At least ten characters, and not one that is easily guessed.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class InviteForm(forms.Form):
    """Whom to invite, as what."""

    email = forms.EmailField(
        max_length=254, label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial="promoter")


class RoleForm(forms.Form):
    """A member's new role."""

    role = forms.ChoiceField(choices=ROLE_CHOICES)
