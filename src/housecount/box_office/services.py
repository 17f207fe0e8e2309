"""What people say about shows. The caller owns the transaction and the identity."""

from housecount.box_office.errors import NotPossible
from housecount.box_office.models import Show

#: More seats than any house has.
MOST_SEATS = 1_000_000


def set_capacity(show: Show, capacity: int | None) -> None:
    """A person says how many seats the show has; None leaves it to what the platforms tell.

    Raises `NotPossible` for a number that no house has.
    """
    if capacity is not None and not 0 < capacity <= MOST_SEATS:
        raise NotPossible(f"A show cannot have {capacity:,} seats. Give a number from 1 to {MOST_SEATS:,}.")
    show.capacity = capacity
    show.save(update_fields=["capacity"])
