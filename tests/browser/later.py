"""What the worker does at another moment: the reminders that are due then, and the mails.

Run as a program in the surroundings of the installation, with the moment in ISO form; tells the mails as JSON. Nothing
waits for a clock: the services are told the time, as the worker tells it them.
"""

import json
import sys
from datetime import datetime


def main(moment: datetime) -> list[dict[str, object]]:
    """Does it; every mail with its `to`, `subject`, `body`, and the names of what is attached."""
    from housecount.installation import setup

    setup.set_up_django()
    from django.conf import settings
    from django.core import mail
    from django.core.mail import EmailMessage

    from housecount.invoices import tasks

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    posted: list[EmailMessage] = []
    mail.outbox = posted  # type: ignore[attr-defined]  # where that backend puts them
    tasks.remind_all(moment)
    tasks.post_all(moment)
    return [
        {
            "to": message.to,
            "subject": message.subject,
            "body": message.body,
            "attached": [each[0] for each in message.attachments],
        }
        for message in posted
    ]


if __name__ == "__main__":
    print(json.dumps(main(datetime.fromisoformat(sys.argv[1]))))
