"""Background jobs that watch every organisation and tell of what they find; `tasks` imports them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connections
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from housecount.sync import alerts, dispatch
from housecount.tenancy.models import Organisation

logger = logging.getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="watch-for-trouble")
async def watch_for_trouble(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Looks for trouble where there is a sign of it, and everywhere in turn; has what is new sent."""
    to_mail, to_post = await asyncio.to_thread(_watch)
    for wanted, task in ((to_mail, mail_alerts), (to_post, post_alerts)):
        if wanted:
            await _enqueue(task)


@app.task(queueing_lock="mail-alerts")
async def mail_alerts() -> None:
    """Mails what is new to those concerned."""
    await asyncio.to_thread(_closing, dispatch.mail_alerts)


@app.task(queueing_lock="post-alerts")
async def post_alerts() -> None:
    """Posts what is new to the operator's own address."""
    await asyncio.to_thread(_closing, dispatch.post_alerts)


async def _enqueue(task: "Task[[], Coroutine[Any, Any, None], []]") -> None:
    try:
        await task.defer_async()
    except exceptions.AlreadyEnqueued:
        logger.debug("%s waits already", task.name)


def _watch() -> tuple[bool, bool]:
    now = datetime.now(UTC)
    try:
        for organisation in alerts.to_look_at(now):
            _look(organisation, now)
        return dispatch.waiting(now)
    finally:
        connections.close_all()


def _look(organisation: Organisation, now: datetime) -> None:
    try:
        changes = alerts.look(organisation, now)
    except DatabaseError:
        raise
    except Exception:
        # What cannot be judged in one organisation must not hide the others.
        logger.exception("organisation %s could not be watched", organisation.pk)
    else:
        if changes.opened or changes.closed:
            logger.info(
                "organisation %s: %d alerts opened, %d closed",
                organisation.pk,
                changes.opened,
                changes.closed,
            )


def _closing(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connections.close_all()
