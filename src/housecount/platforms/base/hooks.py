"""Webhooks as the engine knows them: what a body points at, and the webhooks we have at a platform."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from housecount.platforms.http.client import Client


class Touch(Struct, frozen=True, kw_only=True):
    """An object that a hook says has changed. Ids only, taken by a strict pattern.

    `event` and `order` and `ticket` name an object; `account` asks for an ordinary read of the whole account.
    `event_id` is "" where the hook does not say of which event the object is.
    """

    kind: Literal["order", "ticket", "event", "account"]
    object_id: str = ""
    event_id: str = ""


class HookReading(Struct, frozen=True, kw_only=True):
    """What a hook's body says. `webhook_id` is the id under which the platform knows the webhook that sent it."""

    verdict: Literal["understood", "test", "not_understood"]
    action: str = ""
    webhook_id: str = ""
    touches: tuple[Touch, ...] = ()


class Webhook(Struct, frozen=True, kw_only=True):
    """A webhook that a platform has for an account."""

    webhook_id: str
    url: str
    actions: tuple[str, ...]


class Webhooks(Protocol):
    """How a platform's webhooks are managed, one of its organisations at a time."""

    #: Whether it reaches addresses at the default ports (80, 443) and at no other.
    default_ports_only: bool

    async def listed(self, client: Client, organisation_id: str) -> Sequence[Webhook]:
        """Those there are, ours and others'."""
        ...

    async def add(self, client: Client, organisation_id: str, url: str) -> Webhook:
        """A new one for every action that matters to a count. Not to be repeated blindly: look first."""
        ...

    async def remove(self, client: Client, webhook_id: str) -> None:
        """Removes one; one that is gone already is no error."""
        ...

    def complete(self, webhook: Webhook) -> bool:
        """Whether it is told of every action that matters to a count."""
        ...
