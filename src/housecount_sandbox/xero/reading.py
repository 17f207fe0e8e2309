"""Lists: filters, order, pages, and only what changed since."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from housecount_sandbox.xero.answers import bad_request
from housecount_sandbox.xero.values import parse_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from housecount_sandbox.exchange import Question
    from housecount_sandbox.limits import Limits
    from housecount_sandbox.xero.model import Contact, Document

LARGEST_PAGE = 1000
_WHERE = re.compile(r'\s*([A-Za-z.]+)\s*==\s*(?:"([^"]*)"|[Gg]uid\("([^"]*)"\)|(true|false))\s*')


def changed(question: Question, rows: Iterable[Any]) -> list[Any]:
    """Those that changed after If-Modified-Since; all without that header."""
    text = question.headers.get("if-modified-since")
    since = parse_since(text) if text else None
    return [row for row in rows if since is None or row.updated > since]


def wanted_documents(
    question: Question, limits: Limits, rows: Iterable[Document], name: str, client_id: str
) -> list[Document]:
    """What the filters of `GET /Invoices` and `GET /CreditNotes` leave, in the order asked for."""
    query = question.query
    found = changed(question, rows)
    ids, numbers = _set(query.get("IDs")), _set(query.get(f"{name}Numbers"))
    contact_ids, statuses = _set(query.get("ContactIDs")), _set(query.get("Statuses"))
    if ids is not None:
        found = [row for row in found if row.id in ids]
    if numbers is not None:
        found = [
            row
            for row in found
            if row.number in numbers and (limits.xero_numbers_find_bills or row.type != "ACCPAY")
        ]
    if contact_ids is not None:
        found = [row for row in found if row.contact.id in contact_ids]
    if statuses is not None:
        found = [row for row in found if row.status in statuses]
    if query.get("createdByMyApp", "").lower() == "true":
        found = [row for row in found if row.made_by == client_id]
    if term := query.get("searchTerm", "").lower():
        found = [
            row
            for row in found
            if any(term in text.lower() for text in (row.number, row.reference, row.contact.name))
        ]
    fields: dict[str, Callable[[Document], str]] = {
        "Type": lambda row: row.type,
        "Status": lambda row: row.status,
        f"{name}Number": lambda row: row.number,
        f"{name}ID": lambda row: row.id,
        "Reference": lambda row: row.reference,
        "Contact.ContactID": lambda row: row.contact.id,
    }
    found = where(question, found, fields)
    return ordered(question, found)


def wanted_contacts(question: Question, rows: Iterable[Contact]) -> list[Contact]:
    """What the filters of `GET /Contacts` leave; archived ones only on request."""
    query = question.query
    found = changed(question, rows)
    ids = _set(query.get("IDs"))
    if ids is not None:
        found = [row for row in found if row.id in ids]
    elif query.get("includeArchived", "").lower() != "true":
        found = [row for row in found if row.status == "ACTIVE"]
    if term := query.get("searchTerm", "").lower():
        # The tax number is not searched.
        names = ("FirstName", "LastName", "EmailAddress")
        found = [
            row
            for row in found
            if any(
                term in str(text or "").lower()
                for text in (row.name, row.number, *(row.fields.get(name) for name in names))
            )
        ]
    fields: dict[str, Callable[[Contact], str]] = {
        "Name": lambda row: row.name,
        "ContactNumber": lambda row: row.number or "",
        "ContactStatus": lambda row: row.status,
        "EmailAddress": lambda row: str(row.fields.get("EmailAddress") or ""),
        "TaxNumber": lambda row: str(row.fields.get("TaxNumber") or ""),
    }
    return ordered(question, where(question, found, fields))


def where(question: Question, rows: list[Any], fields: dict[str, Any]) -> list[Any]:
    """`where=Type=="ACCPAY" AND Status=="PAID"`: equality and AND are all the sandbox understands."""
    text = question.query.get("where")
    for part in re.split(r"\s+(?:AND|and)\s+|&&", text) if text else ():
        found = _WHERE.fullmatch(part)
        if found is None or found[1] not in fields:
            raise bad_request(f"The where clause could not be parsed: {part}")
        value = next(group for group in found.groups()[1:] if group is not None)
        rows = [row for row in rows if fields[found[1]](row) == value]
    return rows


def ordered(question: Question, rows: list[Any]) -> list[Any]:
    """By `order=UpdatedDateUTC [ASC|DESC]`; otherwise as they were made."""
    name, _, direction = question.query.get("order", "").partition(" ")
    if name == "UpdatedDateUTC":
        return sorted(rows, key=lambda row: row.updated, reverse=direction.upper() == "DESC")
    return rows


def page(question: Question, rows: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """One page and its `pagination`; everything, and none, when no page is asked for."""
    if "page" not in question.query:
        return rows, {}
    number, size = _whole(question, "page", 1), min(_whole(question, "pageSize", 100), LARGEST_PAGE)
    begin = (number - 1) * size
    if number > 1:
        begin = max(begin + question.conditions.row_shift, 0)
    pagination = {
        "page": number,
        "pageSize": size,
        "pageCount": -(-len(rows) // size),
        "itemCount": len(rows),
    }
    return rows[begin : begin + size], {"pagination": pagination}


def _whole(question: Question, name: str, default: int) -> int:
    text = question.query.get(name, str(default))
    if not re.fullmatch(r"[1-9]\d{0,6}", text, re.ASCII):
        raise bad_request(f"The {name} is not a number above zero")
    return int(text)


def _set(text: str | None) -> set[str] | None:
    return {each.strip() for each in text.split(",") if each.strip()} if text else None
