"""Contacts: names unique among the active, found by id, number or name, archived and merged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from housecount_sandbox.xero.answers import Invalid
from housecount_sandbox.xero.model import Contact, Tenant
from housecount_sandbox.xero.values import moment_text

if TYPE_CHECKING:
    from housecount_sandbox.xero.books import Xero

_LENGTHS = {
    "Name": 255,
    "ContactNumber": 50,
    "AccountNumber": 50,
    "FirstName": 255,
    "LastName": 255,
    "EmailAddress": 255,
    "CompanyNumber": 50,
    "TaxNumber": 50,
}
_ADDRESS = {"City": 255, "Region": 255, "PostalCode": 50, "Country": 50, "AttentionTo": 255} | {
    f"AddressLine{line}": 500 for line in range(1, 5)
}
_PHONE = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
_OWN = ("Name", "ContactNumber", "ContactID", "ContactStatus")


def find(tenant: Tenant, identity: str) -> Contact | None:
    """By id, or by the number that an application gave it."""
    found = tenant.contacts.get(identity)
    return found or next((each for each in tenant.contacts.values() if each.number == identity), None)


def named(tenant: Tenant, name: str, *, other_than: Contact | None = None) -> Contact | None:
    """The active contact of that name, whatever its capitals."""
    return next(
        (
            each
            for each in tenant.contacts.values()
            if each is not other_than and each.status == "ACTIVE" and each.name.lower() == name.lower()
        ),
        None,
    )


def write(
    xero: Xero, tenant: Tenant, sent: dict[str, Any], *, create: bool, known: Contact | None = None
) -> Contact:
    """Create (PUT), or update what is matched by id, number or name and create otherwise (POST).

    Raises Invalid, changing nothing.
    """
    target = known or _match(tenant, sent, create=create)
    if target is None and not sent.get("Name"):
        raise Invalid(sent, "The contact name must be specified.")
    _check(tenant, sent, target)
    if target is None:
        target = Contact(xero.new_id(), str(sent["Name"]), xero.stamp())
        tenant.contacts[target.id] = target
        kind = "CREATE"
    else:
        kind = "UPDATE"
        target.name = str(sent.get("Name") or target.name)
    target.number = sent.get("ContactNumber", target.number)
    target.status = sent.get("ContactStatus", target.status)
    target.fields |= {name: value for name, value in sent.items() if name not in _OWN}
    touched(xero, tenant, target, kind)
    return target


def touched(xero: Xero, tenant: Tenant, contact: Contact, kind: str = "UPDATE") -> None:
    """It changed: a new time, and a word to who listens."""
    contact.updated = xero.stamp()
    xero.tell(tenant, "CONTACT", kind, contact.id, None)


def draw(contact: Contact, *, whole: bool) -> dict[str, Any]:
    """As Xero shows it; a merge shows only when `whole`."""
    drawn: dict[str, Any] = {
        "ContactID": contact.id,
        "ContactStatus": contact.status,
        "Name": contact.name,
        **contact.fields,
        "IsCustomer": contact.customer,
        "IsSupplier": contact.supplier,
        "UpdatedDateUTC": moment_text(contact.updated),
        "HasValidationErrors": False,
    }
    drawn.setdefault("Addresses", [])
    drawn.setdefault("Phones", [])
    if contact.number is not None:
        drawn["ContactNumber"] = contact.number
    if whole and contact.merged_to is not None:
        drawn["MergedToContactID"] = contact.merged_to
    return drawn


def _match(tenant: Tenant, sent: dict[str, Any], *, create: bool) -> Contact | None:
    if create:
        return None
    if sent.get("ContactID"):
        found = tenant.contacts.get(str(sent["ContactID"]))
        if found is None:
            raise Invalid(sent, "The contact with the specified contact details could not be found.")
        return found
    if sent.get("ContactNumber") and (found := find(tenant, str(sent["ContactNumber"]))) is not None:
        return found
    return named(tenant, str(sent["Name"])) if sent.get("Name") else None


def _check(tenant: Tenant, sent: dict[str, Any], target: Contact | None) -> None:
    errors = [
        f"The {name} field must be a text of at most {longest} characters."
        for name, longest in _LENGTHS.items()
        if name in sent and (not isinstance(sent[name], str) or len(sent[name]) > longest)
    ]
    for address in sent.get("Addresses") or ():
        errors += _too_long(address, _ADDRESS)
        if address.get("AddressType") not in ("POBOX", "STREET"):
            errors.append("The address type must be POBOX or STREET.")
        if re.search(r"\d", str(address.get("Country") or "")):
            errors.append("The country may hold letters only.")
    for phone in sent.get("Phones") or ():
        errors += _too_long(phone, _PHONE)
    if "TaxNumberType" in sent and tenant.country != "US":
        errors.append("The tax number type is for organisations in the US.")
    status = sent.get("ContactStatus", target.status if target else "ACTIVE")
    if status not in ("ACTIVE", "ARCHIVED", "GDPRREQUEST"):
        errors.append("The contact status is not valid.")
    name = str(sent.get("Name") or (target.name if target else ""))
    if status == "ACTIVE" and not errors and named(tenant, name, other_than=target) is not None:
        errors.append(
            f"The contact name {name} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    number = sent.get("ContactNumber")
    if number and (found := find(tenant, str(number))) is not None and found is not target:
        errors.append(f"The contact number {number} is already assigned to another contact.")
    if errors:
        raise Invalid(sent, *errors)


def _too_long(place: dict[str, Any], lengths: dict[str, int]) -> list[str]:
    return [
        f"The {name} field is too long."
        for name, longest in lengths.items()
        if len(str(place.get(name) or "")) > longest
    ]
