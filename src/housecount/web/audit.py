"""The audit log as people read it: who changed what, and from what to what."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from housecount.core.money import format_money
from housecount.tenancy import queries
from housecount.tenancy.models import AuditEntry
from housecount.web import words

#: What a table's rows are called. One that is not here is called by its own name.
THINGS: Mapping[str, str] = {
    "tenancy_organisation": "organisation",
    "tenancy_membership": "member",
    "tenancy_user": "user",
    "tenancy_invitation": "invitation",
    "tenancy_api_token": "API token",
    "box_office_account": "account",
    "box_office_show": "show",
    "box_office_venue": "venue",
    "box_office_listing": "listing",
    "box_office_appearance": "act on a bill",
    "box_office_suggestion": "suggested match",
    "sync_hook_door": "webhook address",
    "sync_notice": "notification choice",
    "invoices_party": "party",
    "invoices_contact": "contact",
    "invoices_document": "document",
    "invoices_line": "line of a document",
    "invoices_agreement": "agreement",
    "invoices_payment": "payment",
    "invoices_allocation": "allocation of a payment",
    "invoices_ending": "void or cancelled document",
    "invoices_recurring": "recurring document",
    "invoices_link": "link to a document",
    "invoices_asked": "request for a tax invoice",
    "invoices_policy": "rules on RCTIs",
    "invoices_deduction": "deduction",
    "xero_contact": "contact in Xero",
    "xero_connection": "connection to Xero",
    "invoices_register_answer": "answer of the register",
    "invoices_logo": "logo",
    "invoices_delivery": "mail or link sent",
}
_DID = {"INSERT": "added", "UPDATE": "changed", "DELETE": "removed"}
_NAMES = ("name", "title", "number", "email", "description", "reference", "cause", "platform")
_HIDDEN = {"id", "organisation_id", "created_at", "updated_at"}
_MONEY = {"unit_price", "amount", "net_total", "tax_total", "total", "net_amount", "tax_amount", "gross_amount",
          "deposit", "withheld"}  # fmt: skip
_LONGEST = 240
NOBODY = "machine"


class Change(NamedTuple):
    """A field in words, and what it held before and after; "" where there was nothing."""

    field: str
    before: str
    after: str


class Row(NamedTuple):
    """One entry of the log. `whole`: its changes are all that a row held when it was added or removed."""

    at: datetime
    what: str
    who: str
    changes: list[Change]
    whole: bool


class Wanted(NamedTuple):
    """What is looked for: a person by id, `NOBODY` for Housecount itself, or ""; a table or ""; days or None."""

    person: str = ""
    table: str = ""
    since: date | None = None
    until: date | None = None


def find(organisation_id: UUID, wanted: Wanted, zone: str) -> QuerySet[AuditEntry]:
    """The entries that fit, the newest first; days are those of the IANA time zone `zone`, both included."""
    found = queries.audit_trail(organisation_id, wanted.table or None)
    if wanted.person == NOBODY:
        found = found.filter(actor_user_id=None)
    elif wanted.person:
        found = found.filter(actor_user_id=wanted.person)
    if wanted.since is not None:
        found = found.filter(at__gte=datetime.combine(wanted.since, time(), ZoneInfo(zone)))
    if wanted.until is not None:
        found = found.filter(
            at__lt=datetime.combine(wanted.until + timedelta(days=1), time(), ZoneInfo(zone))
        )
    return found


def people_of(organisation_id: UUID) -> dict[UUID, str]:
    """What to call the organisation's members, by user id."""
    return {each.user_id: each.user.get_short_name() for each in queries.members(organisation_id)}


def row(entry: AuditEntry, people: Mapping[UUID, str], zone: str) -> Row:
    """The entry in words, its times on the clock of `zone`."""
    before, after = entry.before or {}, entry.after or {}
    thing = THINGS.get(entry.table, entry.table.split("_", 1)[-1].replace("_", " "))
    name = _name(after, people) or _name(before, people)
    what = (
        f"{thing.capitalize() if thing[0].islower() else thing} {name} {_DID.get(entry.action, entry.action)}"
    )
    currency = str(after.get("currency") or before.get("currency") or "")
    changes = _changes(before, after, people, zone, currency)
    return Row(entry.at, " ".join(what.split()), _who(entry, people), changes, whole=entry.action != "UPDATE")


def _name(values: Mapping[str, Any], people: Mapping[UUID, str]) -> str:
    if (user := _person(values.get("user_id"), people)) and "role" in values:
        return user
    for key in _NAMES:
        if isinstance(values.get(key), str) and values[key]:
            return f"“{_short(values[key], 80)}”"
    return ""


def _person(value: object, people: Mapping[UUID, str]) -> str:
    try:
        return people.get(UUID(str(value)), "") if value else ""
    except ValueError:
        return ""


def _who(entry: AuditEntry, people: Mapping[UUID, str]) -> str:
    token = " through an API token" if getattr(entry, "actor_token_id", None) else ""
    if entry.actor_user_id is not None:
        name = people.get(entry.actor_user_id, "somebody who is not a member any more")
        return f"{name}{token}"
    return {
        "system": "Housecount itself, or a command",
        "owner": "an update of Housecount",
        "nobody": "somebody who was signing in",
    }.get(entry.actor_role, entry.actor_role)


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], people: Mapping[UUID, str], zone: str, currency: str
) -> list[Change]:
    found = []
    for field in dict.fromkeys((*before, *after)):
        was, now = before.get(field), after.get(field)
        if field in _HIDDEN or was == now:
            continue
        words_of = [_value(field, value, people, zone, currency) for value in (was, now)]
        if words_of[0] or words_of[1]:
            found.append(Change(_field(field), *words_of))
    return found


def _field(name: str) -> str:
    text = name.removesuffix("_id").replace("_", " ")
    return text[:1].upper() + text[1:]


def _value(field: str, value: object, people: Mapping[UUID, str], zone: str, currency: str) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and field in _MONEY and len(currency) == 3:
        return format_money(value, currency)
    if field.endswith("_id"):
        return _person(value, people) or str(value)
    if isinstance(value, str) and field.endswith("_at"):
        try:
            local = datetime.fromisoformat(value).astimezone(ZoneInfo(zone))
        except ValueError:
            return _short(value)
        return f"{local.day} {local:%b %Y}, {words.clock(local)}"
    return _short(_plain(value))


def _plain(value: object) -> str:
    """What a JSON value holds, without its brackets: "name Dana Quick, country AU"."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if each not in (None, "", [], {})}
        return ", ".join(f"{name.replace('_', ' ')} {_plain(each)}" for name, each in kept.items())
    if isinstance(value, list):
        return ", ".join(_plain(each) for each in value)
    return str(value)


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
