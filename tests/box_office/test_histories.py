"""Any interleaving, duplication, delay and loss of reads: after one sweep the ledger is what a fresh load gives."""

import functools
import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core.counting import Category, Figures, OrderFacts, Validity
from housecount.platforms.base.records import Order, Ticket
from tests.box_office.book import Book
from tests.examples import examples
from tests.factories import make_order, make_organisation, make_ticket

HAPPENINGS = st.sampled_from(
    ["buy", "buy", "refund", "cancel", "reinstate", "fall", "drop", "delete", "restore"]
)
#: (what happens, to which order, to which ticket, how many read events follow it)
STEPS = st.lists(
    st.tuples(HAPPENINGS, st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=14
)


@functools.cache
def shared_organisation() -> UUID:
    """One for all histories: each has an account of its own."""
    return make_organisation()


class Platform:
    """A platform of four orders that remembers every version it ever showed."""

    def __init__(self, *, apart: bool) -> None:
        self.apart = apart
        self.clock = 0
        self.tickets: dict[str, dict[str, Ticket]] = {}
        self.deleted: set[str] = set()
        self.versions: list[tuple[Order, tuple[Ticket, ...]]] = []

    def happen(self, what: str, order_number: int, ticket_number: int) -> None:
        self.clock += 1
        order_id = f"o{order_number}"
        ticket_id = f"{order_id}-t{ticket_number}"
        tickets = self.tickets.setdefault(order_id, {})
        known = tickets.get(ticket_id)
        if what == "delete":
            self.deleted.add(order_id)
            return
        self.deleted.discard(order_id)
        if what == "drop":
            tickets.pop(ticket_id, None)
        elif what == "buy" or known is None:
            price = (0, 1500, 3000)[ticket_number]
            category = Category.DONATION if order_number == 3 and ticket_number == 2 else Category.ADMISSION
            tickets.setdefault(ticket_id, self._ticket(ticket_id, order_id, price, category=category))
        else:
            validity = {"refund": Validity.REFUNDED, "cancel": Validity.CANCELLED}.get(what, Validity.VALID)
            price = max(0, known.facts.gross - 500) if what == "fall" else known.facts.gross
            tickets[ticket_id] = self._ticket(ticket_id, order_id, price, validity, known.facts.category)
        self.versions.append(self.show(order_id))

    def _ticket(
        self,
        ticket_id: str,
        order_id: str,
        price: int,
        validity: Validity = Validity.VALID,
        category: Category = Category.ADMISSION,
    ) -> Ticket:
        return make_ticket(
            ticket_id,
            order_id,
            gross=price,
            validity=validity,
            category=category,
            changed=self.clock,
            apart=self.apart,
        )

    def show(self, order_id: str) -> tuple[Order, tuple[Ticket, ...]]:
        """The order as it is now, and the tickets that are listed apart from it."""
        tickets = tuple(self.tickets[order_id].values())
        changed = max([self.clock, *(0 for _ in tickets)])
        if self.apart:
            refunds = sum(
                ticket.facts.gross for ticket in tickets if ticket.facts.validity is Validity.REFUNDED
            )
            facts = OrderFacts(completed=True, refunds=refunds, discounts=100)
            return make_order(order_id, None, facts=facts, changed=changed), tickets
        return make_order(
            order_id, tickets, facts=OrderFacts(completed=True, discounts=100), changed=changed
        ), ()

    def now(self) -> list[tuple[Order, tuple[Ticket, ...]]]:
        """What a full walk shows: of every order that is there, the newest version it ever showed."""
        newest = {order.external_id: (order, tickets) for order, tickets in self.versions}
        return [newest[order_id] for order_id in newest if order_id not in self.deleted]


def sweep(book: Book, platform: Platform) -> None:
    """A complete walk, and what it proves absent."""
    shown = platform.now()
    book.read(*(order for order, _ in shown), tickets=[ticket for _, tickets in shown for ticket in tickets])
    orders, tickets_known = book.known()
    absent = orders - {order.external_id for order, _ in shown}
    listed = {ticket.external_id for _, tickets in shown for ticket in tickets}
    missing = {
        ticket: order
        for ticket, order in tickets_known.items()
        if ticket not in listed and order not in absent
    }
    book.gone(absent, missing if platform.apart else {})


def without_refunds(figures: Figures) -> Figures:
    """What was refunded in part before the first read cannot be known to a fresh load."""
    return figures._replace(refunds=0)


@pytest.mark.parametrize("apart", [False, True], ids=["tickets-inside", "tickets-apart"])
@settings(max_examples=examples(140))
@given(steps=STEPS, dice=st.randoms(use_true_random=False))
def test_after_one_sweep_the_ledger_is_what_a_fresh_load_gives(
    apart: bool, steps: Sequence[tuple[str, int, int, int]], dice: random.Random
) -> None:
    platform = Platform(apart=apart)
    book = Book(organisation_id=shared_organisation())
    for what, order_number, ticket_number, reads in steps:
        platform.happen(what, order_number, ticket_number)
        page: list[Order] = []
        listed: list[Ticket] = []
        for _ in range(reads):
            if not platform.versions or dice.random() < 0.2:  # lost
                continue
            order, tickets = dice.choice(platform.versions[-6:])  # delayed, doubled, out of order
            page += [order] if dice.random() < 0.8 else []
            listed += [ticket for ticket in tickets if dice.random() < 0.7]
        if page or listed:
            book.read(*page, tickets=listed)
    sweep(book, platform)
    assert book.sums_hold()
    assert book.differences() == []

    fresh = Book(organisation_id=shared_organisation())
    sweep(fresh, platform)
    assert without_refunds(book.total()) == without_refunds(fresh.total())
    assert book.total().refunds >= fresh.total().refunds

    before = len(book.entries())
    sweep(book, platform)
    assert len(book.entries()) == before, "a second sweep brought something new"


@settings(max_examples=examples(60))
@given(steps=STEPS, dice=st.randoms(use_true_random=False))
def test_the_state_does_not_depend_on_the_order_of_arrival(
    steps: Sequence[tuple[str, int, int, int]], dice: random.Random
) -> None:
    platform = Platform(apart=False)
    for what, order_number, ticket_number, _ in steps:
        platform.happen(what, order_number, ticket_number)
    one, other = (Book(organisation_id=shared_organisation()) for _ in range(2))
    for order, tickets in platform.versions:
        one.read(order, tickets=tickets)
    shuffled = dice.sample(platform.versions, len(platform.versions))
    for order, tickets in shuffled:
        other.read(order, tickets=tickets)
    assert one.states() == other.states()
    assert one.total() == other.total()
    assert one.sums_hold()
    assert other.sums_hold()
