"""Whatever happens to documents, the reports tie out to them."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from housecount.core.documents import Direction
from housecount.invoices import services
from housecount.invoices.models import Document, Party
from housecount.invoices.queries import situation, situations
from housecount.invoices.tax_report import Basis
from housecount.tenancy.identity import acting_as
from tests.invoices.office import NOW, Json
from tests.invoices.test_reports import FIRST, LAST, House, figures

# --- All of it ties out -------------------------------------------------------------------------------
_LINES = st.lists(
    st.fixed_dictionaries(
        {
            "unit_price": st.integers(1, 500_00),
            "quantity": st.decimals(min_value="0.5", max_value="9", places=2).map(str),
            "tax": st.sampled_from(["taxable", "gst_free", "out_of_scope"]),
        }
    ),
    min_size=1,
    max_size=4,
)
_DOINGS = st.lists(
    st.fixed_dictionaries(
        {
            "direction": st.sampled_from(["receivable", "payable"]),
            "mode": st.sampled_from(["inclusive", "exclusive"]),
            "day": st.integers(1, 28),
            "lines": _LINES,
            "parts": st.lists(st.integers(1, 120), max_size=3),
            "end": st.sampled_from(["", "", "credit", "part", "void", "lost"]),
        }
    ),
    min_size=1,
    max_size=5,
)


def _do(house: House, act: Party, doing: Json) -> Document:
    made = house.issued(
        act,
        direction=doing["direction"],
        price_mode=doing["mode"],
        issue_date=f"2026-11-{doing['day']:02d}",
        lines=[{"description": "Set", **line} for line in doing["lines"]],
    )
    for part in doing["parts"]:
        amount = made.total * part // 100
        if amount:
            house.paid_on(made, amount, date(2026, 11, 28) + timedelta(days=part))
    with acting_as(house.identity):
        balance = situation(made).balance
        if doing["end"] == "credit":
            services.credit(made.pk, now=NOW)
        elif doing["end"] == "part" and Decimal(doing["lines"][0]["quantity"]) > Decimal("0.25"):
            services.credit(made.pk, [{"line": 1, "quantity": "0.25"}], now=NOW)
        elif doing["end"] == "void" and not doing["parts"]:
            services.void(made.pk, now=NOW)
        elif doing["end"] == "lost" and balance > 0:
            services.write_off(made.pk, now=NOW)
    return made


# Each example is a house of its own: what fails is small already.
@settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(_DOINGS)
def test_reports_tie_out_to_documents(doings: list[Json]) -> None:
    house = House()
    house.ourselves()
    act = house.party()
    for doing in doings:
        _do(house, act, doing)
    with acting_as(house.identity):
        documents = list(
            Document.objects.filter(organisation_id=house.organisation_id).exclude(ending__kind="void")
        )
        known = situations(documents)
    # Aged: the total of a direction is the sum of the balances of its documents.
    for direction in Direction:
        balance = sum(
            -known[each.pk].balance if each.kind == "credit_note" else known[each.pk].balance
            for each in documents
            if each.direction == direction
        )
        made = house.open_on(LAST, direction)
        assert sum(row.total for row in made.totals) == balance
        for row in (*made.rows, *made.totals):
            assert sum(figures(row)[:-1]) == row.total
    # Accrual: the entries of a document are the document, but for what was lost of it.
    accrual = house.tax()
    by_document: dict[UUID, int] = defaultdict(int)
    taxes: dict[UUID, int] = defaultdict(int)
    for entry in accrual.entries:
        if entry.why == "issued":
            by_document[entry.document] += entry.gross
            taxes[entry.document] += entry.tax
    for document in documents:
        sign = -1 if document.kind == "credit_note" else 1
        assert by_document[document.pk] == sign * document.total
        assert taxes[document.pk] == sign * document.tax_total
    assert sum(row.gross for row in accrual.rows) == sum(entry.gross for entry in accrual.entries)
    # Cash: what counted is what was settled, up to the total of each document.
    cash = house.tax(basis=Basis.CASH)
    counted: dict[UUID, int] = defaultdict(int)
    for entry in cash.entries:
        counted[entry.document] += entry.gross
    for document in documents:
        standing = known[document.pk].standing
        settled = min(standing.owed, standing.owed - standing.balance)
        sign = -1 if document.kind == "credit_note" else 1
        assert counted[document.pk] == sign * settled
    # Periods add up to the whole.
    days = (FIRST, date(2026, 11, 15), date(2026, 11, 28), date(2026, 12, 31), LAST)
    for basis, whole in ((Basis.ACCRUAL, accrual), (Basis.CASH, cash)):
        parts = [
            house.tax(since + timedelta(days=since != FIRST), until, basis) for since, until in pairwise(days)
        ]
        entries = [entry for part in parts for entry in part.entries]
        assert sorted(entries, key=repr) == sorted(whole.entries, key=repr)
    # All that is settled in full counts the same on both bases.
    settled_in_full = [
        key for key, each in known.items() if each.standing.balance <= 0 and each.ending is None
    ]
    for key in settled_in_full:
        assert sum(each.tax for each in accrual.entries if each.document == key) == sum(
            each.tax for each in cash.entries if each.document == key
        )
