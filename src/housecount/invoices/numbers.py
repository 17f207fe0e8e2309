"""Numbers: given when a document is issued, in its transaction, one after the other, never twice."""

from uuid import UUID

from django.db import connection

from housecount.core.documents import number_text


def next_number(organisation_id: UUID, series: str) -> str:
    """The next number of a series, as it is printed.

    The row of the series stays locked until the transaction ends: whoever issues next waits, and takes the same
    number when this transaction comes to nothing. So there is neither a gap nor a double.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO invoices_series (organisation_id, series, last) VALUES (%s, %s, 1)"
            " ON CONFLICT (organisation_id, series) DO UPDATE SET last = invoices_series.last + 1 RETURNING last",
            [organisation_id, series],
        )
        row = cursor.fetchone()
    assert row is not None
    return number_text(series, row[0])
