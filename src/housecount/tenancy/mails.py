"""The mails tenancy sends by itself; the ones about passwords are allauth's, with our words."""

import logging
import smtplib
from concurrent.futures import ThreadPoolExecutor

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from housecount.tenancy.models import Invitation

logger = logging.getLogger(__name__)
_post = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def post_later(message: EmailMessage) -> None:
    """Hand a mail to the mail server in the background. A failure is logged, without the address."""
    _post.submit(_deliver, message)


def _deliver(message: EmailMessage) -> None:
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        # Not the error's own words: they can hold the address.
        logger.error("A mail could not be sent: %s. Check the mail settings.", type(error).__name__)  # noqa: TRY400


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
