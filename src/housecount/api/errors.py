"""Errors as problem documents (RFC 9457), with the stable code and the next step of `HousecountError`."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from housecount.api.idempotency import Again
from housecount.core.errors import HousecountError, NextStep

logger = logging.getLogger(__name__)


class SignInNeeded(HousecountError):
    """Nobody is signed in."""

    code = "sign_in_needed"
    http_status = 401


class NotForRole(HousecountError):
    """Somebody is signed in, whose role does not reach so far."""

    code = "not_for_role"
    http_status = 403


class NoSuchAddress(HousecountError):
    """Nothing is at this address."""

    code = "not_found"
    http_status = 404
    next_step = NextStep.NEVER


def problem(
    status: int, code: str, message: str, next_step: str, errors: Sequence[Mapping[str, Any]] = ()
) -> HttpResponse:
    """A problem document. `detail` is for people, `code` for programs."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": message,
        "next_step": next_step,
    }
    if errors:
        document["errors"] = list(errors)
    response = HttpResponse(json.dumps(document), status=status, content_type="application/problem+json")
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="housecount"'
    return response


def from_error(error: HousecountError) -> HttpResponse:
    """The problem document of one of our errors."""
    message = (
        f"{error.message} GET {error.address} lists those there are." if error.address else error.message
    )
    response = problem(error.http_status, error.code, message, error.next_step)
    retry_after = getattr(error, "retry_after", None)
    if isinstance(retry_after, int):
        response["Retry-After"] = str(retry_after)
    return response


def _field(place: Sequence[object]) -> str:
    # Where it was looked for comes first, and then, of several that are read together, our own name for them.
    *_, name = [str(part) for part in place] or [""]
    return name


def install(api: NinjaAPI) -> None:
    """Have `api` answer every error with a problem document."""

    @api.exception_handler(HousecountError)
    def ours(_: HttpRequest, error: HousecountError) -> HttpResponse:
        if connection.in_atomic_block:
            transaction.set_rollback(True)
        if error.http_status >= 500:
            logger.error("The API failed: %s", error.code, exc_info=error)
        return from_error(error)

    @api.exception_handler(Again)
    def again(_: HttpRequest, done: Again) -> HttpResponse:
        return done.response

    @api.exception_handler(AuthenticationError)
    def stranger(_: HttpRequest, __: AuthenticationError) -> HttpResponse:
        return from_error(
            SignInNeeded("Send an API token (Authorization: Bearer …), or sign in to the site.")
        )

    @api.exception_handler(ValidationError)
    def invalid(_: HttpRequest, error: ValidationError) -> HttpResponse:
        told = [
            {"field": _field(each.get("loc", ())), "message": each.get("msg", "")} for each in error.errors
        ]
        return problem(
            422,
            "invalid",
            "Something in the request cannot be used; `errors` says what.",
            NextStep.NEVER,
            told,
        )

    @api.exception_handler(HttpError)
    def other(_: HttpRequest, error: HttpError) -> HttpResponse:
        return problem(error.status_code, "refused", error.message, NextStep.NEVER)

    @api.exception_handler(Exception)
    def mistake(_: HttpRequest, error: Exception) -> HttpResponse:
        logger.error("The API made a mistake", exc_info=error)
        return problem(
            500,
            "our_mistake",
            "Something went wrong on our side, and nothing was changed. It has been written to the log.",
            NextStep.RETRY,
        )
