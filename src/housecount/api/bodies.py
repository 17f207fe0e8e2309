"""Bodies: of requests, as our own readers take them (JSON, with unknown fields refused), and of answers that are the
same JSON as the commands'."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse

from housecount.core.errors import HousecountError, NextStep

Json = dict[str, Any]


class BadBody(HousecountError):
    """A body that cannot be used; the message says why."""

    code = "invalid"
    http_status = 422
    next_step = NextStep.NEVER


def read(request: HttpRequest) -> Any:
    """The body. Raises BadBody for what is no JSON."""
    try:
        return msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadBody("The body of the request is not JSON.") from None


def read_object(request: HttpRequest, *names: str) -> Json:
    """The body as one object, empty without a body; of the fields `names`, where given. Raises BadBody."""
    found = read(request) if request.body.strip() else {}
    if not isinstance(found, Mapping):
        raise BadBody("The body of the request is one JSON object.")
    for name in found:
        if names and name not in names:
            raise BadBody(f"There is no field “{name[:60]}”. There are: {', '.join(names)}.")
    return dict(found)


def nothing(request: HttpRequest) -> None:
    """Refuses a body that says something. Raises BadBody."""
    if found := read_object(request):
        raise BadBody(f"There is no field “{next(iter(found))[:60]}”: this address takes none.")


def text(data: Mapping[str, Any], name: str) -> str:
    """A field of text, "" without one. Raises BadBody."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise BadBody(f"{name}: text is expected.")
    return value or ""


def key(data: Mapping[str, Any], name: str) -> UUID:
    """A field that names something by its id. Raises BadBody."""
    try:
        return UUID(text(data, name))
    except ValueError:
        raise BadBody(f"{name}: an id is expected.") from None


def answer(document: object, *, status: int = 200) -> HttpResponse:
    """A document as JSON, just as it is."""
    return HttpResponse(msgspec.json.encode(document), status=status, content_type="application/json")
