"""Issuing documents with their paper, against the making of the paper alone; and a page of the list of documents as
they pile up."""

import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from statistics import median
from uuid import UUID

import psycopg

from bench import ground
from bench.report import Line

_CALLS = 20
#: So many papers, then as many documents each way.
_IN_TURN = 40
#: Of the rate at which the PDF library alone makes the same papers. In a batch, the rest are five statements for each;
#: alone, twelve and a commit.
_LEAST_OF_PAPER = 0.6
_LEAST_ALONE = 0.25
_MOST_TIMES = 1.5
_TODAY = date(2026, 11, 27)

# Straight into the tables, past the triggers: nobody waits for a hundred thousand papers. Every second document was
# paid in full, every tenth is a draft, and the older ones are overdue.
_FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO invoices_document (
        id, organisation_id, kind, direction, step, series, number, party_id, issue_date, due_date, currency,
        price_mode, rounding_rule, tax_rate, deposit_kind, reference, notes, net_total, tax_total, total, withheld,
        created_at, issued_at)
    SELECT gen_random_uuid(), %(organisation)s, 'invoice', 'receivable',
           CASE WHEN n %% 10 = 0 THEN 'draft' ELSE 'issued' END, 'INV',
           CASE WHEN n %% 10 = 0 THEN NULL ELSE 'INV-' || lpad(n::text, 6, '0') END, %(party)s,
           %(today)s::date - (n / 20)::int, %(today)s::date - (n / 20)::int + 14, 'AUD', 'exclusive', 'per_line',
           1000, '', 'Run ' || n %% 100, '', 50000, 5000, 55000, 0, now() - n * interval '1 second',
           CASE WHEN n %% 10 = 0 THEN NULL ELSE now() END
      FROM generate_series(1, %(documents)s::bigint) AS n;
INSERT INTO invoices_line (
        id, organisation_id, document_id, position, description, quantity, unit_price, discount, tax, account_code,
        net_amount, tax_amount, gross_amount)
    SELECT gen_random_uuid(), organisation_id, id, 1, 'Headline set', 1, 50000, 0, 'taxable', '', 50000, 5000, 55000
      FROM invoices_document WHERE organisation_id = %(organisation)s;
CREATE TEMPORARY TABLE paid ON COMMIT DROP AS
    SELECT gen_random_uuid() AS payment_id, id FROM invoices_document
     WHERE organisation_id = %(organisation)s AND right(number, 1) IN ('1', '3', '5', '7', '9');
INSERT INTO invoices_payment (id, organisation_id, party_id, direction, paid_on, amount, currency, method, reference,
                              created_at)
    SELECT payment_id, %(organisation)s, %(party)s, 'receivable', %(today)s, 55000, 'AUD', '', '', now() FROM paid;
INSERT INTO invoices_allocation (id, organisation_id, document_id, payment_id, amount, created_at)
    SELECT gen_random_uuid(), %(organisation)s, id, payment_id, 55000, now() FROM paid;
INSERT INTO invoices_sums (organisation_id, party_id, direction, currency, kind, state, documents, total, balance)
    SELECT %(organisation)s, party_id, direction, currency, kind, state, documents, total, balance
      FROM app.sums_of(%(organisation)s);
INSERT INTO invoices_listed SELECT listed.*
  FROM invoices_document d, LATERAL app.listed_row(d) listed WHERE d.organisation_id = %(organisation)s;
"""
_TABLES = ("document", "line", "payment", "allocation", "sums", "listed")


def run(*, quick: bool) -> list[Line]:
    """Both; documents are issued by a batch, as a run of shows is, and each in a transaction of its own, as by a
    command."""
    return [*_issue(20 if quick else 500), *_list((1_000, 20_000) if quick else (1_000, 100_000))]


def _issue(documents: int) -> list[Line]:
    from housecount.invoices import batches, here, pdf, services
    from housecount.invoices.printed import printed_of
    from housecount.tenancy.identity import Identity, acting_as

    organisation_id, party_id = _organisation()
    identity = Identity.system(organisation_id)
    data = [_document(party_id, n) for n in range(2 * documents + 1)]
    with acting_as(identity):
        first, *keys = [each.pk for each in services.create_documents(organisation_id, data)]
        papers = [printed_of(here.document(key)) for key in keys[:documents]]
        # The first paper loads fonts; nobody is charged for it.
        services.issue_one(first)
    alone, together = keys[:documents], keys[documents:]
    paper = one = batch = 0.0
    # In turns, so that whatever else the machine does hits all alike.
    for at in range(0, documents, _IN_TURN):
        started = time.perf_counter()
        for each in papers[at : at + _IN_TURN]:
            pdf.render(each)
        after_paper = time.perf_counter()
        for key in alone[at : at + _IN_TURN]:
            with acting_as(identity):
                services.issue_one(key)
        after_one = time.perf_counter()
        with acting_as(identity):
            batch_id = batches.create_batch(organisation_id, together[at : at + _IN_TURN]).pk
        assert batches.work(organisation_id, batch_id).issued == len(together[at : at + _IN_TURN])
        batch += time.perf_counter() - after_one
        one += after_one - after_paper
        paper += after_paper - started
    of_paper = "of the paper alone"
    return [
        Line("issue", f"the paper alone, {documents:,} documents", documents * 60 / paper, "a minute"),
        Line(
            "issue", f"issued by a batch, {documents:,} documents", documents * 60 / batch, "a minute",
            paper / batch, of_paper, _LEAST_OF_PAPER,
        ),
        Line(
            "issue", f"issued one by one, {documents:,} documents", documents * 60 / one, "a minute",
            paper / one, of_paper, _LEAST_ALONE,
        ),
    ]  # fmt: skip


def _organisation() -> tuple[UUID, UUID]:
    """A new organisation with its identity, and a party."""
    from housecount.invoices import services
    from housecount.tenancy.identity import Identity, acting_as

    organisation_id, _ = ground.make_organisation()
    registered = {"gst_registered_from": "2020-07-01", "address": ["1 Laugh Lane", "Fitzroy VIC 3065"]}
    with acting_as(Identity.system(organisation_id)):
        services.create_party(
            organisation_id, {"name": "Laughing Stock", "abn": "53004085616", "self": True, **registered}
        )
        party = services.create_party(
            organisation_id, {"name": "Mirth Machine", "abn": "51824753556", **registered}
        )
    return organisation_id, party.pk


def _document(party_id: UUID, n: int) -> dict[str, object]:
    lines = [
        {"description": f"Headline set, night {n}", "unit_price": 50000 + n},
        {"description": "Support set", "quantity": "2", "unit_price": 12450},
        {"description": "Travel", "unit_price": 8900, "tax": "gst_free"},
    ]
    return {"kind": "invoice", "party": str(party_id), "issue_date": _TODAY.isoformat(), "lines": lines}


def _list(sizes: Sequence[int]) -> list[Line]:
    questions = {size: _questions(_filled(size)) for size in sizes}
    took: dict[tuple[str, int], list[float]] = {}
    for _ in range(_CALLS):
        for size in sizes:
            for what, ask in questions[size].items():
                started = time.perf_counter()
                ask()
                took.setdefault((what, size), []).append((time.perf_counter() - started) * 1000)
    return [
        Line(
            "issue", f"{what}, {size:,} documents", median(values), "ms",
            median(values) / median(took[what, sizes[0]]), f"times that at {sizes[0]:,}",
            None if size == sizes[0] or "filter" in what else _MOST_TIMES, at_most=True,
        )
        for (what, size), values in sorted(took.items())
    ]  # fmt: skip


def _filled(documents: int) -> UUID:
    organisation_id, party_id = _organisation()
    values = {"organisation": organisation_id, "party": party_id, "documents": documents, "today": _TODAY}
    with psycopg.connect(ground.superuser_url()) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(_FILL, values)
    with psycopg.connect(ground.superuser_url(), autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(f"VACUUM ANALYZE invoices_{table}".encode())
    return organisation_id


def _questions(organisation_id: UUID) -> dict[str, Callable[[], object]]:
    """What a page of the list asks for, by name; each call in a transaction of its own."""
    from housecount.invoices import queries
    from housecount.tenancy.identity import Identity, acting_as

    identity = Identity.system(organisation_id)

    def page(**fields: object) -> Callable[[], object]:
        def ask() -> object:
            with acting_as(identity):
                found = queries.list_documents(organisation_id, today=_TODAY, **fields).documents
                assert len(found) == 50
                return queries.documents_json(found, today=_TODAY)

        return ask

    def sums(**fields: object) -> Callable[[], object]:
        def ask() -> object:
            with acting_as(identity):
                found = queries.list_sums(organisation_id, today=_TODAY, **fields)
                assert found
                return found

        return ask

    return {
        "a page of the list": page(),
        "a page of what is issued": page(status="issued"),
        "a page of what is overdue": page(overdue=True),
        "a page of what is unpaid": page(payment_status="unpaid"),
        "sums of the whole list": sums(),
        "sums of a filter by payment": sums(payment_status="unpaid"),
        "sums of a filter by words": sums(text="Run 7"),
        "sums of a filter by what is overdue": sums(overdue=True),
        "sums of a filter by words and payment": sums(text="Run 7", payment_status="unpaid"),
        "sums of a filter by day": sums(status="issued", issued_from=_TODAY - timedelta(days=30)),
    }
