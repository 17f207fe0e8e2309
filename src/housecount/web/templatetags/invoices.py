"""Filters of the invoices' templates."""

from django import template

from housecount.core.money import to_major
from housecount.web import documents

register = template.Library()


@register.filter
def treatment(value: str) -> str:
    """How a line is taxed, for people."""
    return documents.TREATMENT_NAMES.get(value, value)


@register.filter
def minus(value: int) -> int:
    """The amount with the other sign."""
    return -value


@register.filter
def typed(minor: int, currency: str) -> str:
    """An amount as it is typed into a field: "1234.50"."""
    return str(to_major(minor, currency))


@register.filter
def kind_of_document(value: str) -> str:
    """What a document is, for people."""
    return dict(documents.KINDS).get(value, value)
