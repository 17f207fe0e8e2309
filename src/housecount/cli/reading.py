"""JSON that a command is given, in a file or on standard input; and whose document an id is."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from housecount.core.errors import HousecountError

if TYPE_CHECKING:
    from housecount.invoices.models import Document
    from housecount.tenancy.identity import Identity

_F = TypeVar("_F", bound=Callable[..., Any])
_MOST_BYTES = 50_000_000


class NotJson(HousecountError):
    """A file that cannot be read as JSON."""

    code = "not_json"
    http_status = 400


def organisation_option(function: _F) -> _F:
    """Give a command `--organisation SLUG`, as `slug`."""
    return click.option("--organisation", "slug", required=True, help="The slug of the organisation.")(
        function
    )


def file_option(function: _F) -> _F:
    """Give a command `--file F`, as `file`."""
    return click.option("--file", required=True, metavar="F", help="A file of JSON; - reads standard input.")(
        function
    )


def read_json(file: str) -> Any:
    """What the file holds. Numbers with a fraction are refused: money is whole. Raises `NotJson`."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise NotJson(f"{file} cannot be read: {error.strerror or 'no such file'}.") from None
    if len(content) > _MOST_BYTES:
        raise NotJson(f"{file} is too large.")
    return parse_json(content, "Standard input" if file == "-" else file)


def parse_json(content: bytes | str, name: str) -> Any:
    """`content` as JSON; `name` is what to call it. Raises `NotJson`."""
    try:
        if isinstance(content, bytes):
            content = content.decode("utf-8-sig")
        return json.loads(content, parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise NotJson(f"{name} is not text in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise NotJson(f"{name} is not JSON{where}.") from None


def _no_float(text: str) -> NoReturn:
    raise NotJson(
        f"{text[:40]} is no whole number. Money is in minor units; a quantity is text, as in “1.5”."
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("A field is given twice.")
    return found


def identity_of_document(document_id: str) -> "Identity":
    """Whom to act as for a document: for commands, which act for the whole installation. Raises `NotFound`."""
    from housecount.invoices import here
    from housecount.invoices.models import Document
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import all_organisations

    key = here.as_id(document_id, "a document")
    for organisation in all_organisations():
        identity = Identity.system(organisation.pk)
        with acting_as(identity):
            if Document.objects.filter(organisation_id=organisation.pk, pk=key).exists():
                return identity
    raise here.no_document(document_id)


def summary(document: "Document") -> str:
    """A document in one line."""
    from housecount.core.money import format_money

    name = document.number or "draft"
    return f"{name}  {document.party.name}  {format_money(document.total, document.currency)}  {document.pk}"
