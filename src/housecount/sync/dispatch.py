"""Telling of alerts: by mail to those in an organisation who want it, and signed to the operator's own address.

The rows of the alerts are the outbox. What is to be sent is claimed for a while under a row lock, sent outside
any transaction, and marked as sent: two processes never send the same, and what a process was sending when it
died is sent again after a while. Mail and posting do not wait for each other.
"""

import asyncio
import json
import logging
import smtplib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import httpx2
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from housecount.core.errors import HousecountError, NextStep
from housecount.core.signatures import sign
from housecount.installation import environment
from housecount.sync import letters, notices
from housecount.sync.models import Alert
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from housecount.tenancy.queries import all_organisations, organisation_by_slug

logger = logging.getLogger(__name__)
for _talkative in ("httpx2", "httpcore2"):
    # They would log the address, which can hold a key.
    logging.getLogger(_talkative).setLevel(logging.WARNING)

#: After so many attempts, over about five hours, something is not sent any more.
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
#: What a process has claimed and never reported on is anybody's again after this.
CLAIM = timedelta(minutes=5)
#: The end of an alert is news for a day.
NEWS = timedelta(days=1)
#: One run sends for so long at most; the next goes on.
_RUN_SECONDS = 45.0
_POST_SECONDS = 15.0
_FAILURES_IN_A_ROW = 3
_MAIL_TROUBLE = "The mail server did not take the mail"

_UNSIGNED = "HOUSECOUNT_ALERT_SECRET is not set: unsigned, nothing is posted."

Kind = Literal["alert.opened", "alert.closed", "alert.test"]
Now = Callable[[], datetime]


class NowhereToSend(HousecountError):
    """A test alert has no receiver."""

    code = "nowhere_to_send"
    http_status = 409
    next_step = NextStep.ASK_A_PERSON


def mail_configured() -> bool:
    """Whether mails leave this machine. Where they would only be printed, alerts are not: they name people."""
    return environment.load().email_url is not None


def post_configured() -> bool:
    """Whether there is somewhere to post to, and a secret to sign with."""
    found = environment.load()
    return found.alert_url is not None and found.alert_secret is not None


def waiting(now: datetime) -> tuple[bool, bool]:
    """Whether something is to be mailed, and whether something is to be posted, now."""
    with acting_as(Identity.system()):
        return (
            mail_configured() and Alert.objects.filter(_to_mail(now)).exists(),
            post_configured() and Alert.objects.filter(_to_post(now)).exists(),
        )


def _to_mail(now: datetime) -> Q:
    unsent = Q(closed_at=None, mailed_at=None) | Q(closed_at__gt=now - NEWS, closing_mailed_at=None)
    due = Q(mail_next_try_at=None) | Q(mail_next_try_at__lte=now)
    return unsent & due & Q(mail_attempts__lt=MOST_ATTEMPTS)


def _to_post(now: datetime) -> Q:
    unsent = Q(closed_at=None, posted_at=None) | Q(closed_at__gt=now - NEWS, closing_posted_at=None)
    return unsent & (Q(next_try_at=None) | Q(next_try_at__lte=now)) & Q(attempts__lt=MOST_ATTEMPTS)


def _pause(attempts: int) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)


def utc_now() -> datetime:
    return datetime.now(UTC)


# --- By mail ------------------------------------------------------------------------------------------
def mail_alerts(now: Now = utc_now) -> int:
    """Mails what is to be mailed: one mail for an organisation's new alerts, one for those that are over; several
    where not everybody wants to be told of the same. No alert stands in two of them, so that none is told twice
    when another cannot be sent.

    The number of mails sent. What the mail server refuses is tried again later.
    """
    sent = 0
    if not mail_configured():
        return sent
    ends = time.monotonic() + _RUN_SECONDS
    for organisation in _organisations(_to_mail(now())):
        if time.monotonic() > ends:
            break
        claimed = _claim_mails(organisation.pk, now())
        with acting_as(Identity.system(organisation.pk)):
            wanted = notices.receivers(organisation.pk)
        groups: dict[tuple[bool, tuple[str, ...]], list[Alert]] = {}
        for alert in claimed:
            key = (alert.closed_at is not None, wanted.get(alert.cause, ()))
            groups.setdefault(key, []).append(alert)
        for (_, receivers), alerts in sorted(groups.items()):
            sent += _mail(organisation, alerts, receivers, now)
    return sent


def _organisations(waiting: Q) -> list[Organisation]:
    with acting_as(Identity.system()):
        ids = set(Alert.objects.filter(waiting).values_list("organisation_id", flat=True))
        return list(Organisation.objects.filter(pk__in=ids).order_by("pk"))


def _claim_mails(organisation_id: UUID, now: datetime) -> list[Alert]:
    with acting_as(Identity.system(organisation_id)):
        here = Alert.objects.filter(_to_mail(now), organisation_id=organisation_id)
        found = list(here.select_for_update(skip_locked=True).order_by("opened_at", "id"))
        Alert.objects.filter(organisation_id=organisation_id, pk__in=[each.pk for each in found]).update(
            mail_attempts=F("mail_attempts") + 1, mail_next_try_at=now + CLAIM
        )
    return found


def _mail(organisation: Organisation, alerts: Sequence[Alert], receivers: Sequence[str], now: Now) -> int:
    mine = Alert.objects.filter(organisation_id=organisation.pk, pk__in=[each.pk for each in alerts])
    trouble = ""
    if receivers:
        trouble = _send(letters.letter(organisation, alerts, environment.load().public_url), receivers)
    moment = now()
    with acting_as(Identity.system(organisation.pk)):
        if trouble:
            pause = _pause(max(each.mail_attempts for each in alerts) + 1)
            mine.update(mail_next_try_at=moment + pause, trouble=trouble)
        elif alerts[0].closed_at is None:
            mine.update(mailed_at=moment, mail_attempts=0, mail_next_try_at=None)
        else:
            mine.update(mailed_at=Coalesce("mailed_at", moment), closing_mailed_at=moment)
        if not trouble:
            mine.filter(trouble__startswith=_MAIL_TROUBLE).update(trouble="")
    return 1 if receivers and not trouble else 0


def _send(letter: letters.Letter, receivers: Sequence[str]) -> str:
    """Why it could not be sent; "" when it was."""
    # Hidden from each other: a promoter does not see who else is a member.
    headers = {"To": "undisclosed-recipients:;", "Auto-Submitted": "auto-generated"}
    message = EmailMessage(letter.subject, letter.body, bcc=list(receivers), headers=headers)
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        # Not the error's own words: they can hold an address.
        logger.warning("A mail about alerts could not be sent: %s.", type(error).__name__)
        return f"{_MAIL_TROUBLE} ({type(error).__name__})."
    return ""


# --- A test -------------------------------------------------------------------------------------------
def send_test(slug: str = "") -> list[tuple[str, str]]:
    """Sends a test alert every way that is set up: the ways (mail, webhook), each with why it did not work or "".

    `slug` names the organisation whose people get the mail; it may be left out where there is one only. Raises
    `UnknownOrganisation`, or `NowhereToSend` when no way is set up or the organisation has to be named.
    """
    ways: list[tuple[str, str]] = []
    organisation = _for_test(slug) if mail_configured() or slug else None
    if mail_configured() and organisation is not None:
        with acting_as(Identity.system(organisation.pk)):
            wanted = notices.receivers(organisation.pk)
        receivers = sorted({address for addresses in wanted.values() for address in addresses})
        trouble = (
            _send(letters.trial_letter(organisation), receivers)
            if receivers
            else "Nobody there wants mail about alerts."
        )
        ways.append(("mail", trouble))
    if environment.load().alert_url is not None:
        ways.append(("webhook", _post_test(organisation) if post_configured() else _UNSIGNED))
    if not ways:
        raise NowhereToSend(
            "Set HOUSECOUNT_EMAIL_URL, or HOUSECOUNT_ALERT_URL with HOUSECOUNT_ALERT_SECRET, first."
        )
    return ways


def _for_test(slug: str) -> Organisation:
    if slug:
        return organisation_by_slug(slug)
    organisations = all_organisations()
    if len(organisations) != 1:
        raise NowhereToSend(
            f"There are {len(organisations)} organisations: name the one whose people are to get the test mail, as in "
            "--send-test-alert=laughing-stock."
        )
    return organisations[0]


def _post_test(organisation: Organisation | None) -> str:
    now = utc_now()
    data = {
        "id": str(uuid4()),
        "organisation": organisation.slug if organisation else "",
        "cause": "test",
        "subject": "",
        "text": "This is a test: alerts of Housecount arrive here.",
        "advice": "Nothing is to be done.",
        "opened_at": now.isoformat(),
        "closed_at": None,
    }
    return post("alert.test", f"alert_{uuid4().hex}_test", data, now)


# --- To the operator's own address --------------------------------------------------------------------
def post_alerts(now: Now = utc_now) -> int:
    """Posts what is to be posted, each alert's beginning before its end. The number of messages that arrived."""
    if not post_configured():
        return 0
    sent = failures = 0
    ends = time.monotonic() + _RUN_SECONDS
    for organisation in _organisations(_to_post(now())):
        while failures < _FAILURES_IN_A_ROW and time.monotonic() < ends:
            alert = _claim_post(organisation.pk, now())
            if alert is None:
                break
            arrived, trouble = _post_alert(organisation, alert, now)
            sent += arrived
            failures = failures + 1 if trouble else 0
    return sent


def _claim_post(organisation_id: UUID, now: datetime) -> Alert | None:
    with acting_as(Identity.system(organisation_id)):
        here = Alert.objects.filter(_to_post(now), organisation_id=organisation_id)
        alert = here.select_for_update(skip_locked=True).order_by("opened_at", "id").first()
        if alert is not None:
            alert.attempts += 1
            alert.next_try_at = now + CLAIM
            alert.save(update_fields=["attempts", "next_try_at"])
    return alert


def _post_alert(organisation: Organisation, alert: Alert, now: Now) -> tuple[int, str]:
    """How many messages arrived, and why one did not."""
    mine = Alert.objects.filter(organisation_id=organisation.pk, pk=alert.pk)
    steps: list[tuple[Kind, str]] = []
    if alert.posted_at is None:
        steps.append(("alert.opened", "posted_at"))
    if alert.closed_at is not None:
        steps.append(("alert.closed", "closing_posted_at"))
    arrived = 0
    for kind, mark in steps:
        trouble = post(kind, f"alert_{alert.pk.hex}_{kind[6:]}", _data(organisation, alert, kind), now())
        with acting_as(Identity.system(organisation.pk)):
            if trouble:
                mine.update(next_try_at=now() + _pause(alert.attempts), trouble=trouble)
                logger.warning("Alert %s could not be posted: %s", alert.pk, trouble)
                return arrived, trouble
            mine.update(**{mark: now()}, attempts=0, next_try_at=None, trouble="")
        arrived += 1
    return arrived, ""


def _data(organisation: Organisation, alert: Alert, kind: Kind) -> dict[str, str | None]:
    over = alert.closed_at if kind == "alert.closed" else None
    return {
        "id": str(alert.pk),
        "organisation": organisation.slug,
        "cause": alert.cause,
        "subject": alert.subject,
        "text": alert.text,
        "advice": alert.advice,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": over.isoformat() if over else None,
    }


def post(kind: Kind, message_id: str, data: Mapping[str, str | None], now: datetime) -> str:
    """Posts one message to HOUSECOUNT_ALERT_URL, signed as Standard Webhooks say. Why it did not arrive; "" when it
    did, which any answer from 200 to 299 says. A redirect is not followed: what is signed goes where it was told."""
    found = environment.load()
    assert found.alert_url is not None
    assert found.alert_secret is not None
    body = json.dumps(
        {"type": kind, "timestamp": data["closed_at"] or data["opened_at"], "data": dict(data)},
        ensure_ascii=False,
    ).encode()
    stamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "housecount",
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(message_id, stamp, body, found.alert_secret),
    }
    return asyncio.run(_post(found.alert_url, headers, body))


async def _post(url: str, headers: dict[str, str], body: bytes) -> str:
    try:
        async with (
            asyncio.timeout(_POST_SECONDS),
            httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=_POST_SECONDS) as client,
            # The answer's body says nothing to us, and is not read.
            client.stream("POST", url, headers=headers, content=body) as answer,
        ):
            status = answer.status_code
    except TimeoutError:
        return f"HOUSECOUNT_ALERT_URL did not answer within {_POST_SECONDS:.0f} seconds."
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        # Not the error's own words: they can hold the address, and with it a key.
        return f"HOUSECOUNT_ALERT_URL cannot be reached ({type(error).__name__})."
    if 200 <= status < 300:
        return ""
    moved = " Redirects are not followed." if 300 <= status < 400 else ""
    return f"HOUSECOUNT_ALERT_URL answered with status {status}.{moved}"
