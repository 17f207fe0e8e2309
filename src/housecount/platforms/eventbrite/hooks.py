"""Eventbrite's webhooks: what a delivery points at, and the ones we have there.

Nothing signs a delivery, so that anybody may have made it up: only ids are taken from it, by a strict pattern,
and no address in it is ever asked (reference: "Safe design").
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from housecount.platforms.base.errors import ContractChanged, Gone, RecordRejected
from housecount.platforms.base.hooks import HookReading, Touch, Webhook
from housecount.platforms.eventbrite import wire
from housecount.platforms.eventbrite.events import known_id, of_organisation
from housecount.platforms.eventbrite.paging import pages
from housecount.platforms.http.client import Client
from housecount.platforms.reading import identifier, read_each, read_one, text

#: What a webhook of ours asks for. Check-ins are told as `attendee.updated` is, and change no count.
ACTIONS = (
    "attendee.checked_in",
    "attendee.checked_out",
    "attendee.updated",
    "event.created",
    "event.published",
    "event.unpublished",
    "event.updated",
    "order.placed",
    "order.refunded",
    "order.updated",
    "organizer.updated",
    "ticket_class.created",
    "ticket_class.deleted",
    "ticket_class.updated",
    "venue.updated",
)
#: Names under which some actions really arrive [observed].
KNOWN_ACTIONS = frozenset({*ACTIONS, "barcode.checked_in", "barcode.un_checked_in"})
TEST = "test"

#: The one form of address that is understood (reference, section 6); `fullmatch`, for `$` lets a line break pass.
_API_URL = re.compile(
    r"https://www\.eventbriteapi\.com/v3/"
    r"(?:orders/(?P<order>\d+)"
    r"|events/(?P<event>\d+)(?:/attendees/(?P<attendee>\d+(?:-\d+)?)|/ticket_classes/\d+)?"
    r"|(?:venues|organizers)/\d+)/",
    re.ASCII,
)
#: No address of Eventbrite's is longer, and no id.
_LONGEST_URL = 200


class _Config(msgspec.Struct):
    action: object = None
    webhook_id: object = None


class _Delivery(msgspec.Struct):
    config: _Config = msgspec.field(default_factory=_Config)
    api_url: object = None


_delivery = msgspec.json.Decoder(_Delivery)
_NOT_UNDERSTOOD = HookReading(verdict="not_understood")


def read_hook(body: bytes) -> HookReading:
    """What a delivery says. Never raises, whatever the bytes. An address that is not of the one form asks for an
    ordinary read where the action is one of Eventbrite's, and for nothing otherwise."""
    try:
        delivery = _delivery.decode(body)
    except (ValueError, RecursionError):
        return _NOT_UNDERSTOOD
    action = _word(delivery.config.action)
    webhook_id = _word(delivery.config.webhook_id)
    if action == TEST:
        return HookReading(verdict="test", action=action, webhook_id=webhook_id)
    touch = _touch(delivery.api_url)
    if touch is None:
        asked = (Touch(kind="account"),) if action in KNOWN_ACTIONS else ()
        return HookReading(verdict="not_understood", action=action, webhook_id=webhook_id, touches=asked)
    return HookReading(verdict="understood", action=action, webhook_id=webhook_id, touches=(touch,))


def _touch(api_url: object) -> Touch | None:
    if not isinstance(api_url, str) or len(api_url) > _LONGEST_URL:
        return None
    found = _API_URL.fullmatch(api_url)
    if found is None:
        return None
    if order_id := found["order"]:
        return Touch(kind="order", object_id=order_id)
    event_id = found["event"] or ""
    if ticket_id := found["attendee"]:
        return Touch(kind="ticket", object_id=ticket_id, event_id=event_id)
    if event_id:
        return Touch(kind="event", object_id=event_id, event_id=event_id)
    return Touch(kind="account")


def _word(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return text(value, 100) if isinstance(value, str) else ""


class EventbriteWebhooks:
    """The webhooks of an account's organisations."""

    #: An address with another port always ends in a time-out [observed].
    default_ports_only = True

    async def listed(self, client: Client, organisation_id: str) -> Sequence[Webhook]:
        """Those of the organisation. One that tells of a single event is shown without actions, for it is never
        complete. Raises `ConfigError` without the right to see them."""
        found: list[Webhook] = []
        path = f"/organizations/{identifier(organisation_id)}/webhooks/"
        async for page in of_organisation(pages(client, path, wire.webhook_page, {})):
            made, _ = read_each(page.webhooks, _webhook, "webhook")
            found.extend(made)
        return found

    async def add(self, client: Client, organisation_id: str, url: str) -> Webhook:
        """A new one. Eventbrite allows doubles and an answer may be lost: look before, and look after a failure."""
        path = f"/organizations/{identifier(organisation_id)}/webhooks/"
        asked = {"endpoint_url": url, "actions": ",".join(ACTIONS)}
        raw = (await client.post(path, wire.raw_record, asked)).value
        try:
            return read_one(raw, _webhook)
        except RecordRejected as error:
            raise ContractChanged(f"Eventbrite's new webhook cannot be read. {error.message}") from None

    async def remove(self, client: Client, webhook_id: str) -> None:
        """Removes one; one that is gone already is no error."""
        try:
            await client.delete(f"/webhooks/{known_id(webhook_id)}/")
        except Gone:
            return

    def complete(self, webhook: Webhook) -> bool:
        """Whether it is told of every action that matters to a count."""
        return set(ACTIONS) <= set(webhook.actions)


def _webhook(raw: msgspec.Raw) -> Webhook:
    found = wire.webhook.decode(raw)
    parts = urlsplit(found.endpoint_url)
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    actions = () if found.event_id else tuple(found.actions or ())
    return Webhook(webhook_id=identifier(found.id), url=url, actions=actions)
