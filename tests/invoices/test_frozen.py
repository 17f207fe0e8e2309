"""Issued means frozen: the database itself refuses, whoever asks; and nobody sees what is not theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from django.db import Error, connection, transaction
from django.db.models import Model

from housecount.core.errors import HousecountError
from housecount.invoices import queries, services
from housecount.invoices.models import (
    Agreement,
    Allocation,
    Contact,
    Deduction,
    Document,
    DocumentFile,
    Ending,
    Event,
    Line,
    Party,
    Payment,
    Series,
)
from housecount.tenancy.identity import Identity, Role, acting_as
from tests.invoices.office import Office
from tests.world import House, make_house

ADDED_LINE = (
    "INSERT INTO {} (id, organisation_id, document_id, position, description, quantity, unit_price, discount, tax,"
    " account_code, net_amount, tax_amount, gross_amount) SELECT gen_random_uuid(), organisation_id, document_id,"
    " 99, 'more', 1, 0, 0, tax, '', 0, 0, 0 FROM {} WHERE document_id = %(document)s"
)
#: A statement against the one row of a table that belongs to an issued document.
CHANGES = {
    "invoices_document": [
        "UPDATE {} SET total = total WHERE id = %(document)s",
        "DELETE FROM {} WHERE id = %(document)s",
    ],
    "invoices_line": [
        "UPDATE {} SET description = 'other' WHERE document_id = %(document)s",
        "DELETE FROM {} WHERE document_id = %(document)s",
        ADDED_LINE,
        "UPDATE {} SET document_id = %(document)s WHERE document_id = %(draft)s",
    ],
    "invoices_deduction": [
        "UPDATE {} SET amount = 0 WHERE document_id = %(document)s",
        "DELETE FROM {} WHERE document_id = %(document)s",
    ],
    "invoices_file": [
        "UPDATE {} SET content = '' WHERE document_id = %(document)s",
        "DELETE FROM {} WHERE document_id = %(document)s",
    ],
    "invoices_payment": ["UPDATE {} SET amount = 1", "DELETE FROM {}"],
    "invoices_allocation": ["UPDATE {} SET amount = 1", "DELETE FROM {}"],
    "invoices_ending": ["UPDATE {} SET reason = ''", "DELETE FROM {}"],
}  # fmt: skip
STATEMENTS = [
    *((table, statement.replace("{}", table)) for table, all_ in CHANGES.items() for statement in all_),
    *((table, f"TRUNCATE {table} CASCADE") for table in CHANGES),
]


class Filed:
    """A house with one of everything: an issued invoice less a deposit, paid in part; a draft; a void one; an RCTI of
    the act who signs in, and one of another act."""

    def __init__(self) -> None:
        self.house = make_house()
        office = self.office = Office(self.house.organisation.pk)
        office.ourselves()
        self.act = office.party(user=self.house.act.user.email, contacts=[{"email": "a@mirth.example"}])
        self.other = office.party(name="Other act", abn="47555222000")
        deposit = office.issued(self.act, kind="deposit_invoice", deposit_kind="part_payment")
        office.pay(deposit, 55000)
        lines = [{"description": "Hire", "unit_price": 100000}]
        self.document = office.issued(self.act, lines=lines, deposits=[str(deposit.pk)])
        office.pay(self.document, 10000)
        self.draft = office.draft(self.act)
        self.void = office.issued(self.act)
        with acting_as(office.identity):
            services.void(self.void.pk)
        self.rcti, self.others_rcti = (
            office.issued(each, kind="rcti", direction="payable", agreement=office.agreement(each))
            for each in (self.act, self.other)
        )
        office.pay(self.others_rcti, 100)
        office.credit(self.others_rcti, [{"line": 1, "quantity": "0.5"}])

    @property
    def keys(self) -> dict[str, UUID]:
        return {"document": self.document.pk, "draft": self.draft.pk}


@pytest.fixture(scope="module")
def filed(database: str) -> Iterator[Filed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())
        yield Filed()


@pytest.fixture(scope="module")
def stranger(database: str) -> House:
    return make_house()


def rows(house: House) -> list[object]:
    with acting_as(house.system):
        return [
            sorted(map(str, model._default_manager.filter(organisation=house.organisation).values_list()))
            for model in (Document, Line, Deduction, DocumentFile, Payment, Allocation, Ending)
        ]


@contextmanager
def as_(identity: Identity) -> Iterator[None]:
    """Act, and undo whatever came of it."""
    with acting_as(identity):
        point = transaction.savepoint()
        try:
            yield
        finally:
            transaction.savepoint_rollback(point)


@pytest.mark.parametrize(("table", "statement"), STATEMENTS)
@pytest.mark.parametrize("role", [Role.SYSTEM, Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER, Role.ACT])
def test_no_role_changes_what_was_issued(filed: Filed, role: Role, table: str, statement: str) -> None:
    touched = 0
    with as_(filed.house.identity(role)), connection.cursor() as cursor:
        try:
            cursor.execute(statement, filed.keys)
            touched = cursor.rowcount
        except Error:
            pass
    assert touched == 0  # -1 for a TRUNCATE that was let through


@pytest.mark.parametrize(("table", "statement"), STATEMENTS)
def test_nor_does_the_owner_of_the_tables(
    filed: Filed, owner_connection: psycopg.Connection[tuple[object, ...]], table: str, statement: str
) -> None:
    settings = {"app.role": "system", "app.organisation_id": str(filed.house.organisation.pk)}
    with owner_connection.transaction(force_rollback=True):
        for name, value in settings.items():
            owner_connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        seen = owner_connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert seen is not None
        assert seen[0] != 0
        with pytest.raises(psycopg.errors.RestrictViolation, match="refused"):
            owner_connection.execute(statement.encode(), filed.keys)


def test_a_document_is_not_issued_past_the_services_and_changed_afterwards(filed: Filed) -> None:
    """Even one statement that issues and changes is the last one."""
    with as_(filed.house.system):
        Document.objects.filter(pk=filed.draft.pk).update(
            step="issued", number="X-1", issued_at="2026-11-27T00:00Z"
        )
        for change in ({"number": "X-2"}, {"step": "draft", "number": None, "issued_at": None}):
            with pytest.raises(Error, match="issued document is refused"), transaction.atomic():
                Document.objects.filter(pk=filed.draft.pk).update(**change)


def test_two_documents_never_have_one_number(filed: Filed) -> None:
    with as_(filed.house.system), pytest.raises(Error, match="document_number_once"), transaction.atomic():
        Document.objects.filter(pk=filed.draft.pk).update(
            step="issued", number=filed.document.number, issued_at="2026-11-27T00:00Z"
        )


# --- Who sees what ------------------------------------------------------------------------------------
OURS: list[type[Model]] = [
    Party, Contact, Agreement, Document, Line, Deduction, Series, Ending, DocumentFile, Payment, Allocation, Event,
]  # fmt: skip


@pytest.mark.parametrize("role", [Role.PROMOTER, Role.BOOKKEEPER, Role.ADMIN, Role.ACT])
@pytest.mark.parametrize("model", OURS)
def test_another_organisation_sees_nothing_of_it(
    filed: Filed, stranger: House, role: Role, model: type[Model]
) -> None:
    with acting_as(filed.house.system):
        assert model._default_manager.filter(organisation=filed.house.organisation).exists()
    with acting_as(stranger.identity(role)):
        assert not model._default_manager.filter(organisation=filed.house.organisation).exists()


@pytest.mark.parametrize("role", [Role.PROMOTER, Role.BOOKKEEPER])
def test_another_organisation_does_nothing_with_it(filed: Filed, stranger: House, role: Role) -> None:
    before = rows(filed.house)
    for act in (
        lambda: services.edit(filed.draft.pk, {"reference": "X"}),
        lambda: services.delete(filed.draft.pk),
        lambda: services.approve(filed.draft.pk),
        lambda: services.issue_one(filed.draft.pk),
        lambda: services.void(filed.document.pk),
        lambda: services.pay(filed.document.pk, 1, filed.document.issue_date),
        lambda: services.credit(filed.document.pk),
        lambda: services.edit_party(filed.act.pk, {"name": "X"}),
        lambda: services.create_agreement(
            stranger.organisation.pk,
            {"kind": "rcti", "party": str(filed.act.pk), "from": "2026-01-01", "supplies": "sets"},
        ),
    ):
        with acting_as(stranger.identity(role)), pytest.raises(HousecountError) as refused:
            act()
        assert refused.value.code == "not_found"
    assert rows(filed.house) == before


def test_an_act_sees_what_was_issued_to_its_own_party_and_nothing_else(filed: Filed) -> None:
    with acting_as(filed.house.act.identity):
        assert [each.pk for each in Party.objects.all()] == [filed.act.pk]
        seen = {each.pk for each in Document.objects.all()}
        assert {filed.document.pk, filed.void.pk, filed.rcti.pk} <= seen
        assert not seen & {filed.draft.pk, filed.others_rcti.pk}
        assert set(Document.objects.values_list("party_id", "step")) == {(filed.act.pk, "issued")}
        for model in (Line, Deduction, DocumentFile, Allocation, Ending):
            owners = set(model._default_manager.values_list("document_id", flat=True))
            assert owners <= seen, model
            assert owners, model
        assert set(Payment.objects.values_list("party_id", flat=True)) == {filed.act.pk}
        assert set(Agreement.objects.values_list("party_id", flat=True)) == {filed.act.pk}
        for hidden in (Contact, Series, Event):
            assert not hidden._default_manager.exists(), hidden
        told = queries.document_json(
            Document.objects.select_related("party", "organisation").get(pk=filed.document.pk)
        )
    assert (told["total"], told["prepaid"], told["paid"], told["balance"]) == (110000, 55000, 65000, 45000)


def test_an_act_without_a_party_sees_no_document(filed: Filed) -> None:
    from tests.world import make_person

    another = make_person(filed.house.organisation, Role.ACT)
    with acting_as(another.identity):
        for model in OURS:
            assert not model._default_manager.exists(), model


def test_an_act_does_nothing_with_its_documents(filed: Filed) -> None:
    before = rows(filed.house)
    for act in (
        lambda: services.pay(filed.rcti.pk, 1, filed.rcti.issue_date),
        lambda: services.credit(filed.rcti.pk),
        lambda: services.void(filed.rcti.pk),
        lambda: services.edit_party(filed.act.pk, {"name": "X"}),
        lambda: services.create_party(filed.house.organisation.pk, {"name": "X"}),
    ):
        with pytest.raises((Error, HousecountError)), acting_as(filed.house.act.identity):
            act()
    assert rows(filed.house) == before
    with acting_as(filed.house.system):
        assert Party.objects.get(pk=filed.act.pk).name == "Mirth Machine"
