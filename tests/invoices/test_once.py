"""Requests that come twice are answered twice and done once, also at the same moment."""

import threading
from typing import Any

import pytest
from django.db import connections

from housecount.invoices import services
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office, document_data

pytestmark = pytest.mark.usefixtures("plain_paper")


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def create(office: Office, data: Any, key: str | None) -> list[Document]:
    with acting_as(office.identity):
        return services.create_documents(office.organisation_id, data, None, key)


def count(office: Office) -> int:
    with acting_as(office.identity):
        return Document.objects.filter(organisation_id=office.organisation_id).count()


def test_the_same_request_makes_nothing_twice(office: Office) -> None:
    venue = office.party()
    data = [document_data(venue), document_data(venue, reference="second")]
    made = create(office, data, "batch-7")
    assert [each.pk for each in create(office, data, "batch-7")] == [each.pk for each in made]
    assert count(office) == 2
    with pytest.raises(NotPossible, match="another request") as refused:
        create(office, data[:1], "batch-7")
    assert refused.value.code == "key_reused"
    create(office, data, "batch-8")
    create(office, data, None)
    assert count(office) == 6
    other = Office()
    with acting_as(other.identity), pytest.raises(Invalid, match="1 to 100"):
        services.create_documents(other.organisation_id, data, None, "")
    with acting_as(office.identity):
        services.delete(made[0].pk)
    with pytest.raises(NotPossible, match="deleted since"):
        create(office, data, "batch-7")


def test_what_is_refused_leaves_its_key_free(office: Office) -> None:
    venue = office.party()
    with pytest.raises(Invalid):
        create(office, document_data(venue, currency="AUD", deposit_kind="security"), "k")
    create(office, document_data(venue), "k")


def test_issuing_again_answers_with_what_was_issued(office: Office) -> None:
    draft = office.draft(office.party())

    def issue(key: str | None) -> Document:
        with acting_as(office.identity):
            return services.issue_one(draft.pk, idempotency_key=key)

    first = issue("once")
    assert issue("once").number == first.number == "INV-00001"
    for key in (None, "twice"):
        with pytest.raises(NotPossible, match="cannot be issued again"):
            issue(key)
    with acting_as(office.identity), pytest.raises(NotPossible, match="another request"):
        services.issue_one(office.draft(office.party()).pk, idempotency_key="once")


def test_twenty_at_the_same_moment_make_one(office: Office) -> None:
    data, found = document_data(office.party()), list[Any]()

    def run() -> None:
        try:
            found.append(create(office, data, "same")[0].pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 20
    assert (len(set(found)), count(office)) == (1, 1)
