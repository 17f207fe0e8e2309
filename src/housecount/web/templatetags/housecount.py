"""Filters of the pages' templates."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.template import Context

from housecount.web import pieces, words
from housecount.web.undo import undoing

register = template.Library()

for _piece in (pieces.age, pieces.bar, pieces.shares, pieces.spark, pieces.house, pieces.selling):
    register.filter(_piece)
register.filter(pieces.show_rows)
register.filter(pieces.run_options)


@register.filter
def money(minor: int, currency: str) -> str:
    """Minor units as an amount for people."""
    return words.money(minor, currency)


@register.filter
def number(value: int) -> str:
    """With thousands set apart."""
    return words.number(value)


@register.filter
def plain_day(value: date) -> str:
    """ "Fri 27 Nov 2026"."""
    return f"{value:%a} {value.day} {value:%b %Y}"


@register.filter
def platform(key: str) -> str:
    """The platform's name for people."""
    return words.platform_label(key)


@register.filter
def signed(value: int) -> str:
    """With its sign: a change."""
    return words.signed(value)


@register.inclusion_tag("web/_undo.html", takes_context=True)
def undo(context: Context, tags: str) -> dict[str, object]:
    """The button that takes back what a message tells, where its extra tags name one (see `web.undo`)."""
    return {"undo": undoing(tags), "csrf_token": context.get("csrf_token")}


@register.filter
def in_zone(moment: datetime, zone: str) -> str:
    """ "Fri 27 Nov 2026, 7:30 pm AEDT", on the clock of the IANA time zone `zone`."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{plain_day(local)}, {words.clock(local)}"
