"""Many rows in one statement: whatever the values are, they arrive as they are."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

from housecount.box_office import bulk
from housecount.box_office.bulk import Table
from housecount.tenancy.identity import Identity, UnscopedQuery, acting_as
from tests.examples import LETTERS
from tests.factories import make_account, make_organisation

ROWS = Table(
    "pg_temp.rows",
    {"place": "bigint", "text": "text", "number": "bigint", "truth": "boolean", "moment": "timestamptz",
     "data": "bytea"},
    ("place",),
)  # fmt: skip
TEXTS = st.text(LETTERS.replace("\0", ""))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
VALUES = st.tuples(
    st.none() | TEXTS | st.sampled_from(["NULL", "null", "", '"', "\\", "{}", "a,b", "%s"]),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.none() | MOMENTS,
    st.binary(),
)


@pytest.fixture
def elsewhere(database_owner_url: str):  # type: ignore[no-untyped-def]
    """Settings for a connection that may make temporary tables: the application may not."""
    from housecount.installation.database import as_owner
    from housecount.tenancy.identity import unscoped

    with as_owner(database_owner_url), unscoped():
        with connection.cursor() as cursor:
            columns = ", ".join(f"{name} {kind}" for name, kind in ROWS.columns.items())
            cursor.execute(f"CREATE TEMPORARY TABLE rows ({columns}, PRIMARY KEY (place))")
        yield


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_rows_arrive_as_they_are(elsewhere: None, values: list[tuple[object, ...]]) -> None:
    rows = [(place, *row) for place, row in enumerate(values)]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE rows")
    bulk.write(ROWS.insert(), rows)
    # Again, so that every row takes the way of the conflict too.
    bulk.write(ROWS.upsert(), rows)
    kept = bulk.fetch("SELECT * FROM rows ORDER BY place", [])
    assert [(*row[:5], bytes(row[5])) for row in kept] == rows


def test_values_that_are_all_the_same_stand_in_every_row(elsewhere: None) -> None:
    moment = datetime(2026, 11, 27, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE rows")
    bulk.write(ROWS.insert(), [(place, "same", 7, True, moment, b"x") for place in range(3)])
    assert bulk.fetch(
        "SELECT place, text, number, truth, moment, data = 'x' FROM rows ORDER BY place", []
    ) == [(place, "same", 7, True, moment, True) for place in range(3)]


def test_no_rows_ask_nothing() -> None:
    # Outside of any identity: a statement would be refused.
    bulk.write(ROWS.insert(), [])


SET_ASIDE = Table(
    "box_office_set_aside",
    {"organisation_id": "uuid", "account_id": "uuid", "kind": "text", "external_id": "text", "event_id": "text",
     "notice": "boolean", "reason": "text", "first_seen": "timestamptz"},
    ("organisation_id", "account_id", "kind", "external_id"),
)  # fmt: skip


def test_what_acts_for_nobody_is_refused() -> None:
    with pytest.raises(UnscopedQuery):
        bulk.write(SET_ASIDE.insert(), [row("o1")])


def test_an_error_in_a_pipeline_is_raised_and_undoes_all() -> None:
    organisation_id = make_organisation()
    account_id = make_account(organisation_id)
    good = (organisation_id, account_id, *row("o1")[2:])
    too_long = (*good[:3], "x" * 101, *good[4:])

    def write_both() -> None:
        with acting_as(Identity.system(organisation_id)), bulk.pipeline():
            bulk.write(SET_ASIDE.insert(), [good])
            bulk.write(SET_ASIDE.insert(), [too_long])

    with pytest.raises(DataError):
        write_both()
    assert count(organisation_id) == 0


def test_an_answer_in_a_pipeline_knows_what_was_written_before_it() -> None:
    organisation_id = make_organisation()
    account_id = make_account(organisation_id)
    rows = [(organisation_id, account_id, *row(f"o{number}")[2:]) for number in range(3)]
    with acting_as(Identity.system(organisation_id)), bulk.pipeline():
        bulk.write(SET_ASIDE.insert(), rows)
        assert bulk.fetch(COUNT, [organisation_id]) == [(3,)]
    assert count(organisation_id) == 3


COUNT = "SELECT count(*) FROM box_office_set_aside WHERE organisation_id = %s"


def count(organisation_id: UUID) -> int:
    with acting_as(Identity.system(organisation_id)):
        [(found,)] = bulk.fetch(COUNT, [organisation_id])
    return int(found)


def row(external_id: str) -> tuple[object, ...]:
    seen = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=1)
    return None, None, "order", external_id, "e1", True, "It is odd.", seen
