"""The mails about alerts: plain text, without personal data."""

from collections.abc import Sequence
from typing import NamedTuple

from housecount.sync.models import Alert
from housecount.sync.troubles import OF_THE_BOOKS, Cause, in_words
from housecount.tenancy.models import Organisation

_MOST = 30
_HEADLINES = {
    Cause.ACCOUNT_STOPPED: "an account is not read any more",
    Cause.LISTING_STALE: "figures are not up to date",
    Cause.CONTRACT_CHANGED: "a platform changed its answers",
    Cause.DEAD_HOOKS: "webhooks could not be handled",
    Cause.OVERSELL: "a show is oversold",
    Cause.RCTI_COPY_DUE: "a supplier waits for the copy of an RCTI",
    Cause.RCTI_COPY_LATE: "the copy of an RCTI is overdue",
    Cause.TAX_INVOICE_DUE: "a customer waits for a tax invoice they asked for",
    Cause.TAX_INVOICE_LATE: "a tax invoice that was asked for is overdue",
}


class Letter(NamedTuple):
    """A mail without its receivers."""

    subject: str
    body: str


def headline(cause: str) -> str:
    """What a cause is called in a sentence."""
    return _HEADLINES[Cause(cause)] if cause in set(Cause) else "something needs a look"


def letter(organisation: Organisation, alerts: Sequence[Alert], public_url: str | None) -> Letter:
    """The mail for alerts that are new, or (all of them) over. `public_url` is where the pages are, if known."""
    over = all(alert.closed_at is not None for alert in alerts)
    name = " ".join(organisation.name.split())
    what = headline(alerts[0].cause) if len(alerts) == 1 else f"{len(alerts)} things need a look"
    if over:
        what = f"over: {what}" if len(alerts) == 1 else f"{len(alerts)} things are over"
    lines = ["Hello,", "", f"{'This is over' if over else 'This needs a look'} at {name}:"]
    for alert in alerts[:_MOST]:
        lines += ["", *_paragraph(alert, organisation.timezone, public_url)]
    if len(alerts) > _MOST:
        lines += ["", f"… and {len(alerts) - _MOST} more: the page Sync lists them."]
    if not over and not all(alert.cause in OF_THE_BOOKS for alert in alerts):
        lines += [
            "",
            "A figure that cannot be read again stays as it was, with its age; it never becomes zero.",
        ]
    return Letter(f"Housecount: {name}: {what}", "\n".join([*lines, "", "Housecount", ""]))


def trial_letter(organisation: Organisation) -> Letter:
    """A mail that says only that mails arrive."""
    name = " ".join(organisation.name.split())
    said = f"this is a test: alerts about {name} arrive at this address. Nothing is to be done."
    return Letter(f"Housecount: {name}: a test", f"Hello,\n\n{said}\n\nHousecount\n")


def page_of(alert: Alert) -> str | None:
    """Where the pages say more of what an alert is about; None for the page of the accounts."""
    if alert.cause == Cause.OVERSELL.value:
        return f"/shows/{alert.subject}/"
    return f"/invoices/{alert.subject}/" if alert.cause in OF_THE_BOOKS else None


def _paragraph(alert: Alert, zone: str, public_url: str | None) -> list[str]:
    since = in_words(alert.opened_at, zone)
    if alert.closed_at is not None:
        return [alert.text, f"From {since} to {in_words(alert.closed_at, zone)}."]
    lines = [alert.text, f"What to do: {alert.advice}", f"Seen first: {since}."]
    if public_url is not None:
        lines.append(f"{public_url}{page_of(alert) or '/sync/'}")
    return lines
