"""Background jobs of tenancy."""

import asyncio

from django.db import connections
from procrastinate.contrib.django import app

from housecount.tenancy import tokens
from housecount.tenancy.sessions import SessionStore


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="forget-expired-sessions")
async def forget_expired_sessions(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Removes sessions that can no longer be used."""
    await asyncio.to_thread(_forget)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="forget-api-answers")
async def forget_api_answers(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Removes the answers that were kept for idempotency keys and are too old to be given again."""
    await asyncio.to_thread(_forget_answers)


def _forget_answers() -> None:
    try:
        tokens.forget_answers()
    finally:
        connections.close_all()


def _forget() -> None:
    try:
        SessionStore.clear_expired()
    finally:
        connections.close_all()
