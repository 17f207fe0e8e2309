"""The counting rules, one by one, and what holds for any orders."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.counting import (
    NOTHING,
    Category,
    EntryKind,
    Figures,
    OrderFacts,
    TicketFacts,
    Validity,
    as_sold,
    count_order,
    count_ticket,
    entry_kind,
    total,
)

PLACED = OrderFacts(completed=True)
TICKET = TicketFacts(
    Category.ADMISSION,
    Validity.VALID,
    paid=True,
    gross=5000,
    peak_gross=5000,
    absorbed_fees=0,
    passed_on_fees=762,
    tax=455,
)
CANCELLED = TICKET._replace(validity=Validity.CANCELLED)
REFUNDED = TICKET._replace(validity=Validity.REFUNDED)
FREE = TicketFacts(Category.ADMISSION, Validity.VALID, paid=False)


def counted(order: OrderFacts, tickets: Sequence[TicketFacts]) -> Figures:
    """An order with all its tickets."""
    return total([count_order(order, tickets), *(count_ticket(ticket, order) for ticket in tickets)])


# orders


def test_an_order_counts_once_however_many_admissions_it_holds() -> None:
    assert counted(PLACED, [TICKET, TICKET, FREE]).orders == 1


def test_an_order_that_held_an_admission_still_counts() -> None:
    assert counted(PLACED, [CANCELLED]).orders == 1
    assert counted(PLACED, [REFUNDED]).orders == 1


@pytest.mark.parametrize("category", [Category.ADD_ON, Category.DONATION])
def test_an_order_without_an_admission_does_not_count(category: Category) -> None:
    assert counted(PLACED, [TICKET._replace(category=category)]).orders == 0
    assert counted(PLACED, []).orders == 0


@pytest.mark.parametrize("tickets", [[TICKET], [FREE], [REFUNDED, CANCELLED]])
def test_an_order_that_is_not_completed_counts_nothing(tickets: list[TicketFacts]) -> None:
    started = OrderFacts(completed=False, gross=5000, refunds=100, discounts=5, rebates=7, extras=3)
    assert counted(started, tickets) == NOTHING


# sold, comps, cancelled


def test_a_valid_admission_that_was_paid_for_is_sold() -> None:
    figures = counted(PLACED, [TICKET])
    assert (figures.sold, figures.comps, figures.cancelled) == (1, 0, 0)


def test_a_free_admission_is_a_comp() -> None:
    figures = counted(PLACED, [FREE])
    assert (figures.sold, figures.comps, figures.cancelled) == (0, 1, 0)


def test_a_ticket_still_valid_in_an_order_refunded_in_full_is_a_comp() -> None:
    figures = counted(
        PLACED._replace(nothing_paid=True, refunds=5000), [TICKET._replace(gross=0, peak_gross=0)]
    )
    assert (figures.sold, figures.comps, figures.cancelled) == (0, 1, 0)


@pytest.mark.parametrize("ticket", [CANCELLED, REFUNDED, CANCELLED._replace(paid=False)])
def test_an_admission_that_is_no_longer_valid_is_cancelled(ticket: TicketFacts) -> None:
    figures = counted(PLACED, [ticket])
    assert (figures.sold, figures.comps, figures.cancelled) == (0, 0, 1)


# gross, refunds, tax, fees, net


def test_gross_leaves_out_the_fees_passed_on() -> None:
    figures = counted(PLACED, [TICKET])
    assert (figures.gross, figures.passed_on_fees, figures.net) == (5000, 762, 5000)


def test_absorbed_fees_stay_in_gross_and_leave_net() -> None:
    figures = counted(PLACED, [TICKET._replace(absorbed_fees=508, passed_on_fees=0)])
    assert (figures.gross, figures.absorbed_fees, figures.net) == (5000, 508, 4492)


def test_a_cancelled_ticket_that_was_not_refunded_keeps_its_money() -> None:
    figures = counted(PLACED, [CANCELLED])
    assert (figures.gross, figures.refunds, figures.tax, figures.cancelled) == (5000, 0, 455, 1)


def test_a_refunded_ticket_leaves_gross_and_its_fees_stay_as_they_stand() -> None:
    figures = counted(PLACED, [REFUNDED])
    assert (figures.gross, figures.refunds, figures.tax, figures.passed_on_fees) == (0, 5000, 0, 762)


def test_a_refunded_ticket_whose_money_was_zeroed_is_still_worth_its_peak() -> None:
    zeroed = REFUNDED._replace(gross=0, passed_on_fees=0, tax=0)
    assert counted(PLACED, [zeroed]).refunds == 5000


def test_a_fall_in_price_is_a_refund_in_part() -> None:
    figures = counted(PLACED, [TICKET._replace(gross=3000)])
    assert (figures.sold, figures.gross, figures.refunds) == (1, 3000, 2000)


def test_a_refund_in_part_and_then_in_full_is_told_once() -> None:
    assert counted(PLACED, [REFUNDED._replace(gross=3000)]).refunds == 5000


def test_what_was_refunded_before_the_first_read_is_not_guessed() -> None:
    assert counted(PLACED, [TICKET._replace(gross=3000, peak_gross=3000)]).refunds == 0
    assert counted(PLACED, [TICKET._replace(gross=3000, peak_gross=0)]).refunds == 0


def test_money_kept_on_the_order_is_counted_with_the_order() -> None:
    order = OrderFacts(
        completed=True,
        gross=3000,
        discounts=500,
        refunds=2500,
        absorbed_fees=120,
        passed_on_fees=498,
        tax=273,
        rebates=60,
        extras=1000,
    )
    bare = FREE._replace(paid=True)
    assert counted(order, [bare, bare._replace(validity=Validity.CANCELLED)]) == Figures(
        orders=1,
        sold=1,
        cancelled=1,
        gross=3000,
        discounts=500,
        refunds=2500,
        absorbed_fees=120,
        passed_on_fees=498,
        tax=273,
        rebates=60,
        extras=1000,
    )


def test_net_is_gross_less_absorbed_fees_plus_rebates() -> None:
    assert Figures(gross=3000, absorbed_fees=120, rebates=60, passed_on_fees=999, extras=999).net == 2940


# extras


@pytest.mark.parametrize("category", [Category.ADD_ON, Category.DONATION])
def test_what_is_no_admission_is_an_extra_and_nothing_else(category: Category) -> None:
    assert count_ticket(TICKET._replace(category=category), PLACED) == Figures(extras=5000)


def test_an_extra_kept_in_the_orders_gross_is_taken_out_of_it() -> None:
    donation = TicketFacts(Category.DONATION, Validity.VALID, paid=True, in_order=1000)
    figures = counted(PLACED._replace(gross=4000), [FREE._replace(paid=True), donation])
    assert (figures.sold, figures.gross, figures.extras) == (1, 3000, 1000)


def test_a_refunded_extra_is_neither_an_extra_nor_a_refund_of_admission() -> None:
    assert count_ticket(REFUNDED._replace(category=Category.ADD_ON), PLACED) == NOTHING


def test_a_cancelled_extra_keeps_its_money() -> None:
    assert count_ticket(CANCELLED._replace(category=Category.ADD_ON), PLACED) == Figures(extras=5000)


# gone


def test_a_gone_ticket_counts_nothing_and_its_order_goes_on_without_it() -> None:
    assert counted(PLACED, [TICKET._replace(gone=True)]) == NOTHING
    assert counted(PLACED, [TICKET, REFUNDED._replace(gone=True)]) == counted(PLACED, [TICKET])


def test_a_gone_order_counts_nothing() -> None:
    assert (
        counted(OrderFacts(completed=True, gross=5000, extras=5, gone=True), [TICKET, CANCELLED]) == NOTHING
    )


# entries


@pytest.mark.parametrize(
    ("change", "first", "kind"),
    [
        (Figures(sold=1, gross=5000), True, EntryKind.SALE),
        (Figures(orders=1, gross=5000), True, EntryKind.SALE),
        (Figures(extras=1000), True, EntryKind.SALE),
        (Figures(comps=1), True, EntryKind.COMP),
        (Figures(orders=1), True, EntryKind.COMP),
        (Figures(sold=-1, cancelled=1, gross=-5000, refunds=5000), False, EntryKind.REFUND),
        (Figures(gross=-2000, refunds=2000), False, EntryKind.REFUND),
        (Figures(sold=-1, cancelled=1), False, EntryKind.CANCELLATION),
        (Figures(sold=1, cancelled=-1), False, EntryKind.REINSTATEMENT),
        (Figures(absorbed_fees=20), False, EntryKind.FEE),
        (Figures(passed_on_fees=-20, rebates=5), False, EntryKind.FEE),
        (Figures(gross=-5), False, EntryKind.CORRECTION),
        (Figures(sold=1, comps=-1), False, EntryKind.CORRECTION),
        (Figures(refunds=-10, gross=10), False, EntryKind.CORRECTION),
    ],
)
def test_an_entry_says_why_a_figure_changed(change: Figures, first: bool, kind: EntryKind) -> None:
    assert entry_kind(change, first=first) is kind


def test_a_ticket_as_sold_is_valid_and_at_its_highest_price() -> None:
    for ticket in (REFUNDED, REFUNDED._replace(gross=0), CANCELLED, TICKET._replace(gross=3000, gone=True)):
        assert as_sold(ticket) == TICKET
    assert as_sold(TICKET._replace(peak_gross=0)) == TICKET


# What holds for any orders

_money = st.integers(0, 10**7)
_tickets = st.builds(
    TicketFacts,
    st.sampled_from(Category),
    st.sampled_from(Validity),
    st.booleans(),
    _money,
    _money,
    _money,
    _money,
    _money,
    st.just(0) | _money,
    st.booleans(),
)
_orders = st.builds(
    OrderFacts,
    st.booleans(),
    st.booleans(),
    _money,
    _money,
    _money,
    _money,
    _money,
    _money,
    _money,
    _money,
    st.booleans(),
)
_figures = st.builds(Figures, *[st.integers(-(10**9), 10**9)] * len(Figures._fields))


@given(_figures, _figures, _figures)
def test_figures_are_a_vector(a: Figures, b: Figures, c: Figures) -> None:
    assert a.plus(b) == b.plus(a) == total([a, b])
    assert a.plus(b).plus(c) == a.plus(b.plus(c)) == total([c, a, b])
    assert a.plus(b).minus(b) == a
    assert a.minus(a) == NOTHING == total([])
    assert a.plus(NOTHING) == a
    assert a.plus(b).net == a.net + b.net
    assert a.plus(b).gross == a.gross + b.gross


@given(_orders, st.lists(_tickets, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_tickets_changes_nothing(order: OrderFacts, tickets: list[TicketFacts], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(tickets)
    random.shuffle(shuffled)
    assert counted(order, shuffled) == counted(order, tickets)


@given(_orders, _tickets)
def test_every_admission_is_in_one_pile_and_a_refunded_one_is_never_sold(
    order: OrderFacts, ticket: TicketFacts
) -> None:
    figures = count_ticket(ticket, order)
    piles = (figures.sold, figures.comps, figures.cancelled)
    counts = ticket.category is Category.ADMISSION and order.completed and not order.gone and not ticket.gone
    assert sorted(piles) == [0, 0, int(counts)]
    if ticket.validity is not Validity.VALID or not ticket.paid or order.nothing_paid:
        assert figures.sold == 0
    if ticket.validity is Validity.REFUNDED and counts:
        assert (figures.gross, figures.tax) == (0, 0)


@given(_orders, _tickets)
def test_what_an_admission_ever_cost_is_in_gross_or_in_refunds(
    order: OrderFacts, ticket: TicketFacts
) -> None:
    ticket = ticket._replace(category=Category.ADMISSION)
    figures = count_ticket(ticket, order)
    assert figures.refunds >= 0
    if figures != NOTHING:
        assert figures.gross + figures.refunds == max(ticket.gross, ticket.peak_gross)


@given(_orders, _tickets)
def test_an_extra_leaves_as_much_gross_as_it_brings_extras(order: OrderFacts, ticket: TicketFacts) -> None:
    extra = ticket._replace(category=Category.DONATION, gross=0)
    assert total([count_ticket(extra, order)])._replace(gross=0, extras=0) == NOTHING
    assert count_ticket(extra, order).extras == -count_ticket(extra, order).gross


@given(_orders, st.lists(_tickets, max_size=5), _orders, st.lists(_tickets, max_size=5))
def test_what_is_gone_takes_all_its_figures_with_it(
    order: OrderFacts, tickets: list[TicketFacts], other: OrderFacts, others: list[TicketFacts]
) -> None:
    both = total([counted(order, tickets), counted(other._replace(gone=True), others)])
    assert both == counted(order, tickets)


@given(st.lists(st.tuples(_orders, st.lists(_tickets, max_size=4)), min_size=1, max_size=8))
def test_entries_kept_as_differences_sum_to_the_state(
    versions: list[tuple[OrderFacts, list[TicketFacts]]],
) -> None:
    """Whatever versions of an order are read, the ledger's differences add up to the last of them."""
    state, entries = NOTHING, []
    for order, tickets in versions:
        figures = counted(order, tickets)
        change = figures.minus(state)
        if change != NOTHING:
            entries.append(change)
            assert entry_kind(change, first=state == NOTHING) in EntryKind
        state = figures
    assert total(entries) == state == counted(*versions[-1])


@given(_orders, _tickets)
def test_a_sale_never_follows_on_what_had_counted_before(order: OrderFacts, ticket: TicketFacts) -> None:
    change = count_ticket(ticket, order)
    assert entry_kind(change, first=False) not in {EntryKind.SALE, EntryKind.COMP}


@given(_tickets)
def test_as_sold_has_refunded_nothing(ticket: TicketFacts) -> None:
    figures = count_ticket(as_sold(ticket), PLACED)
    assert (figures.refunds, figures.cancelled) == (0, 0)
