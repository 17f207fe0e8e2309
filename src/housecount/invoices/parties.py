"""Parties and the agreements with them: who we invoice, who invoices us, and who we are."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone as clock

from housecount.invoices import here, inputs
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.inputs import BankInput, ContactInput, PartyInput
from housecount.invoices.models import Contact, Party, PartyKind
from housecount.invoices.queries import party_json
from housecount.tenancy import crypto
from housecount.tenancy.models import Membership, Organisation, User
from housecount.tenancy.zones import zone_names

# What an edit starts from. Bank details are shown masked, and a person's membership not to everybody who edits.
_CHANGED_ALONE = frozenset(field.encode_name for field in msgspec.structs.fields(PartyInput)) - {
    "bank",
    "user",
}


def create_party(organisation_id: UUID, data: Mapping[str, object], by: User | None = None) -> Party:
    """A party from its JSON (see `inputs.PartyInput`). Raises `Invalid`, `NotAnIdentifier`, `NotPossible`."""
    [party] = create_parties(organisation_id, data, by)
    return party


def create_parties(
    organisation_id: UUID,
    data: Mapping[str, object] | Sequence[Mapping[str, object]],
    by: User | None = None,  # noqa: ARG001 - the audit log has it from the transaction
) -> list[Party]:
    """Parties from the JSON of one or of a list: all of them, or none. Raises as `create_party`."""
    organisation = Organisation.objects.get(pk=organisation_id)
    given = inputs.read_all(data, PartyInput)
    with transaction.atomic():
        return [_save(Party(organisation=organisation), each) for each in given]


def edit_party(party_id: UUID | str, data: Mapping[str, object], by: User | None = None) -> Party:  # noqa: ARG001
    """The party with the fields of `data` changed, `null` emptying one. What was issued keeps the party as it was.

    Bank details stay unless `bank` is given; `"bank": null` forgets them. Raises as `create_party`.
    """
    party = here.party(party_id)
    before = {name: value for name, value in party_json(party).items() if name in _CHANGED_ALONE}
    given = inputs.read(inputs.changed(before, data), PartyInput)
    with transaction.atomic():
        return _save(party, given, keep=frozenset({"bank", "user"}) - frozenset(data))


def archive_party(party_id: UUID | str, *, archived: bool = True) -> Party:
    """The party, left out of the lists from now on (or taken back into them)."""
    party = here.party(party_id)
    party.archived_at = clock.now() if archived else None
    party.save(update_fields=["archived_at"])
    return party


def _save(party: Party, given: PartyInput, *, keep: frozenset[str] = frozenset()) -> Party:
    party.name = inputs.text(given.name, "name", 200, needed=True)
    party.legal_name = inputs.text(given.legal_name, "legal_name", 200)
    party.kind = given.kind or PartyKind.INDIVIDUAL
    party.email = _email(given.email)
    party.country = inputs.country_code(given.country or party.organisation.country)
    party.address = [line for each in given.address or () if (line := inputs.text(each, "address", 200))]
    if len(party.address) > 8:
        raise Invalid("An address has at most 8 lines.")
    party.abn, party.nzbn, party.vat_number = inputs.numbers(given, party.country)
    party.gst_registered_from, party.gst_registered_to = given.gst_registered_from, given.gst_registered_to
    since, until = party.gst_registered_from, party.gst_registered_to
    if until is not None and (since is None or until < since):
        raise Invalid("gst_registered_to needs a gst_registered_from that is not after it.")
    party.is_self = bool(given.is_self)
    party.timezone = _timezone(given.timezone)
    party.abn_exception = inputs.ground(given.abn_exception)
    party.abn_exception_on = given.abn_exception_on
    party.super_fund = bool(given.super_fund)
    _set_schedular(party, given)
    if "bank" not in keep:
        party.bank_details = _bank(given.bank)
    if "user" not in keep:
        party.membership_id = _membership(party, given.user)
    try:
        with transaction.atomic():
            party.save()
    except IntegrityError:
        raise NotPossible(
            "identity_there",
            "The organisation's own identity is on file already: there is one, and it can be changed.",
        ) from None
    _save_contacts(party, given.contacts or [])
    return party


def _set_schedular(party: Party, given: PartyInput) -> None:
    """What is kept back from a New Zealand entertainer: the rate that they gave, or why there is none."""
    rate, exemption = given.schedular_rate, inputs.schedular(given.schedular_exemption)
    if rate is not None and not 0 <= rate <= 10_000:
        raise Invalid("schedular_rate is in hundredths of a per cent, from 0 to 10000.")
    if rate is not None and exemption:
        raise Invalid("Give schedular_rate or schedular_exemption, not both.")
    if exemption and given.schedular_on is None:
        raise Invalid("schedular_exemption needs schedular_on, the day its evidence was put on file.")
    party.schedular_rate, party.schedular_exemption = rate, exemption
    party.schedular_on = given.schedular_on


def _save_contacts(party: Party, given: Sequence[ContactInput]) -> None:
    Contact.objects.filter(organisation_id=party.organisation_id, party=party).delete()
    Contact.objects.bulk_create(
        Contact(
            organisation_id=party.organisation_id,
            party=party,
            name=inputs.text(each.name, "contacts: name", 200),
            email=_email(each.email, needed=True),
            copy=each.copy,
        )
        for each in given
    )


def _email(value: str | None, *, needed: bool = False) -> str:
    address = (value or "").strip()
    if not address and not needed:
        return ""
    try:
        validate_email(address)
        if len(address) > 254:
            raise ValidationError("too long")
    except ValidationError:
        raise Invalid("email: this is not an e-mail address.") from None
    return address


def _timezone(value: str | None) -> str:
    name = (value or "").strip()
    if name and name not in zone_names():
        raise Invalid(f"timezone: “{name[:60]}” is not a time zone, such as Australia/Sydney.")
    return name


def _bank(given: BankInput | None) -> bytes:
    if given is None:
        return b""
    bsb = given.bsb.replace("-", "").replace(" ", "")
    account = given.account.replace("-", "").replace(" ", "")
    if bsb and not (len(bsb) == 6 and bsb.isascii() and bsb.isdecimal()):
        raise Invalid("bank: a BSB or a sort code has six digits.")
    if not (0 < len(account) <= 34 and account.isascii() and account.isalnum()):
        raise Invalid("bank: an account number has letters and digits only.")
    kept = {"bsb": bsb, "account": account, "name": inputs.text(given.name, "bank: name", 200)}
    return crypto.encrypt(msgspec.json.encode(kept).decode())


def _membership(party: Party, email: str | None) -> UUID | None:
    address = (email or "").strip().lower()
    if not address:
        return None
    found = Membership.objects.filter(organisation_id=party.organisation_id, user__email=address).first()
    if found is None:
        raise Invalid(f"user: {address} is not a member of this organisation. Invite them first.")
    return found.pk
