"""Background jobs of the invoices: mails, reminders, documents that come again."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.db import connections
from procrastinate.contrib.django import app

from housecount.invoices import batches, mail, recurring, reminders, sums
from housecount.tenancy.queries import all_organisations

logger = logging.getLogger(__name__)


@app.task(name="housecount.invoices.tasks.post_mail")
async def post_mail(organisation_id: str, delivery_id: str) -> None:
    """Hands one mail over; when it fails, `post_what_waits` tries again."""
    await _in_thread(lambda: mail.post(UUID(organisation_id), UUID(delivery_id), datetime.now(UTC)))


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="post-what-waits")
async def post_what_waits(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Tries again what the mail server did not take."""
    await _in_thread(lambda: post_all(datetime.now(UTC)))


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="remind")
async def remind(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Reminds whoever is to be reminded at this hour."""
    await _in_thread(lambda: remind_all(datetime.now(UTC)))


@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="make-recurring")
async def make_recurring(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Makes the documents whose day has come."""
    await _in_thread(lambda: make_all(datetime.now(UTC)))


@app.task(name="housecount.invoices.tasks.issue_batch")
async def issue_batch(organisation_id: str, batch_id: str) -> None:
    """Issues the documents of a batch."""
    await _in_thread(lambda: batches.work(UUID(organisation_id), UUID(batch_id)))


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="take-up-batches")
async def take_up_batches(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Goes on with batches whose worker is gone."""
    await _in_thread(lambda: take_up_all(datetime.now(UTC)))


@app.periodic(cron="*/15 * * * *")
@app.task(queueing_lock="put-sums-together")
async def put_sums_together(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Puts the parts of the sums together, so that they stay quick to read."""
    await _in_thread(lambda: put_all_together(datetime.now(UTC)))


def take_up_all(now: datetime) -> int:
    """Go on with every batch that was left undone; how many were finished."""
    return _each(batches.left_undone, batches.take_up, now)


def put_all_together(now: datetime) -> int:
    """Put the sums of every organisation together where it is worth it; of how many."""
    return _each(sums.due_now, sums.put_together, now)


def post_all(now: datetime) -> int:
    """Hand over every mail whose time has come; how many were taken."""
    return _each(mail.waiting, mail.post, now)


def remind_all(now: datetime) -> int:
    """Write down every reminder whose hour has come; how many there are."""
    return _each(reminders.due_now, reminders.remind, now)


def make_all(now: datetime) -> int:
    """Make every document whose day has come; how many."""
    return _each(recurring.due_now, recurring.make, now)


def _each(
    find: Callable[[UUID, datetime], list[UUID]],
    work: Callable[[UUID, UUID, datetime], object],
    now: datetime,
) -> int:
    done = 0
    for organisation in all_organisations():
        for id_ in find(organisation.pk, now):
            try:
                done += int(bool(work(organisation.pk, id_, now)))
            except Exception as error:  # noqa: BLE001 - one of them must not keep back all others
                logger.error("%s failed for %s: %s", work.__qualname__, id_, type(error).__name__)  # noqa: TRY400
    return done


async def _in_thread(work: Callable[[], object]) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    await asyncio.to_thread(run)
