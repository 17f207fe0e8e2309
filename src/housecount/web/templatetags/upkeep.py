"""Filters of the pages of Sync, Settings and the operators: times on the organisation's clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from housecount.web import words

register = template.Library()


@register.filter
def day_of(moment: datetime, zone: str) -> SafeString:
    """A `<time>` element: "27 Nov 2026" by the calendar of the IANA time zone `zone`."""
    local = moment.astimezone(ZoneInfo(zone))
    return format_html(
        '<time datetime="{}">{}</time>', local.date().isoformat(), f"{local.day} {local:%b %Y}"
    )


@register.filter
def stamp(moment: datetime | None, zone: str) -> SafeString | str:
    """A `<time>` element: "27 Nov 2026, 7:30:05 pm" on the clock of the IANA time zone `zone`; "–" for no time."""
    if moment is None:
        return "–"
    local = moment.astimezone(ZoneInfo(zone))
    text = f"{local.day} {local:%b %Y}, {local.hour % 12 or 12}:{local:%M:%S} {'am' if local.hour < 12 else 'pm'}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', words.exact(moment), f"{local:%A} ({zone})", text
    )
