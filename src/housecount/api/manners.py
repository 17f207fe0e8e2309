"""What every address of the API does alike, around whatever it does itself.

Refuses what is too large, of another kind, or wanted as another kind; answers HEAD as GET; lets a client keep what has
not changed (ETag); tells a token what is left of its minute; and answers every error with a problem document.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, cast

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.utils.http import parse_etags

from housecount.api import errors, idempotency
from housecount.core.errors import HousecountError, NextStep
from housecount.tenancy import tokens
from housecount.tenancy.access import TenantRequest

View = Callable[..., HttpResponseBase]
PRODUCED = (
    "application/json",
    "application/problem+json",
    "application/pdf",
    "application/xml",
    "text/event-stream",
)


class TooLarge(HousecountError):
    code = "too_large"
    http_status = 413
    next_step = NextStep.NEVER


class NotJson(HousecountError):
    code = "not_json"
    http_status = 415
    next_step = NextStep.NEVER


class NotMade(HousecountError):
    code = "not_acceptable"
    http_status = 406
    next_step = NextStep.NEVER


class NotThisMethod(HousecountError):
    code = "method_not_allowed"
    http_status = 405
    next_step = NextStep.NEVER


def well_behaved(patterns: Sequence[URLPattern | URLResolver]) -> Sequence[URLPattern | URLResolver]:
    """The same addresses, with manners."""
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        pattern.callback = mannered(pattern.callback)
    return patterns


def mannered(view: View) -> View:
    """`view`, with manners."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            _check(request)
        except HousecountError as error:
            return _counted(request, errors.from_error(error))
        head = request.method == "HEAD"
        if head:
            request.method = "GET"
        response = view(request, *args, **kwargs)
        if response.streaming:
            return response
        return _finished(request, cast("HttpResponse", response), head=head)

    return answer


def _check(request: HttpRequest) -> None:
    try:
        body = request.body
    except RequestDataTooBig:
        raise TooLarge("The body of the request is larger than 2.5 MB: send less at once.") from None
    # A type with parameters, such as a character set, is JSON too.
    if (
        body
        and request.content_type not in {"application/json", ""}
        and request.method not in {"GET", "HEAD"}
    ):
        raise NotJson("Send the body as JSON, with Content-Type: application/json.")
    if not any(request.accepts(kind) for kind in PRODUCED):
        raise NotMade("The API answers with application/json: let Accept allow it.")


def _finished(request: HttpRequest, response: HttpResponse, *, head: bool) -> HttpResponse:
    if response.status_code == 405:
        allowed = ", ".join(sorted(response.get("Allow", "").split(", ")))
        response = errors.from_error(NotThisMethod(f"This address takes {allowed or 'other methods'}."))
        response["Allow"] = allowed
    idempotency.finish(request, response)
    if request.method == "GET" and response.status_code == 200:
        response = _unless_unchanged(request, response)
    if head:
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return _counted(request, response)


def _unless_unchanged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    etag = response.get("ETag") or f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    known = {each.removeprefix("W/") for each in parse_etags(request.headers.get("If-None-Match", ""))}
    if etag not in known and "*" not in known:
        return response
    unchanged = HttpResponse(status=304)
    unchanged["ETag"] = etag
    del unchanged["Content-Type"]
    return unchanged


def _counted(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    caller = cast("TenantRequest", request)
    left, resets_in = None, 0
    if caller.bearer is not None:
        left, resets_in = caller.bearer.left, caller.bearer.resets_in
    elif isinstance(caller.bearer_trouble, tokens.TooManyRequests):
        left, resets_in = 0, caller.bearer_trouble.retry_after
    if left is not None:
        response["RateLimit-Limit"] = str(tokens.LIMIT)
        response["RateLimit-Remaining"] = str(left)
        response["RateLimit-Reset"] = str(resets_in)
    return response
