"""Words of `core` as choices of a model's field."""

from collections.abc import Iterable
from enum import StrEnum


def choices(words: Iterable[StrEnum]) -> list[tuple[str, str]]:
    """Value and name of each: "credit_note" is “Credit Note”."""
    return [(each.value, each.name.replace("_", " ").title()) for each in words]
