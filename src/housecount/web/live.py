"""Where a page stands in the change feed."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from housecount.live.queries import latest
from housecount.tenancy.access import TenantRequest
from housecount.web.context import OFFICE

#: Not pages: who reads there keeps a cursor of their own, or needs none.
_OTHERS = ("/api/", "/live/", "/events")


class CursorMiddleware:
    """Sets `request.live_cursor` before a view asks its first question: whatever is committed after it is told of to
    the page, and nothing falls between the two. None for who is told no cursors.

    Comes after TenancyMiddleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response, unchanged."""
        caller = cast("TenantRequest", request)
        cursor = None
        if caller.identity.role in OFFICE and caller.organisation and not request.path.startswith(_OTHERS):
            cursor = latest(caller.organisation.pk)
        request.live_cursor = cursor  # type: ignore[attr-defined]
        return self.get_response(request)
