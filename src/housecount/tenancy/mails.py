"""The mails tenancy sends by itself; the ones about passwords are allauth's, with our words."""

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from housecount.tenancy.models import Invitation


def send_invitation(invitation: Invitation, link: str, invited_by: str) -> None:
    """Mail the link to the invited address. Raises what the mail server does (OSError, SMTPException)."""
    words = {
        "invitation": invitation,
        "organisation": invitation.organisation,
        "link": link,
        "by": invited_by,
    }
    EmailMessage(
        subject=f"Housecount: you are invited to {' '.join(invitation.organisation.name.split())}",
        body=render_to_string("tenancy/mail/invitation.txt", words),
        to=[invitation.email],
    ).send()
