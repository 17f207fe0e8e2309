"""What the office keeps beside its documents: their post, what comes again, rules, the bank's file, one's own shows."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Field, Schema

from housecount.api.schema import FiguresOut


class DeliveryOut(Schema):
    """A mail about a document, or a link that was made to hand over."""

    id: UUID
    kind: Literal["mail", "link"]
    purpose: str
    recipients: list[str]
    subject: str
    created_at: datetime
    sent_at: datetime | None
    bounced_at: datetime | None
    trouble: str


class LinkOut(Schema):
    """A link by which a document is read without signing in. The address itself is shown once, on the page."""

    id: UUID
    created_at: datetime
    revoked_at: datetime | None


class EventOut(Schema):
    """Something that was done with a document, or by its recipient."""

    at: datetime
    what: str
    details: dict[str, object]
    by: UUID | None


class HistoryOut(Schema):
    """What became of a document: the latest first."""

    events: list[EventOut]
    deliveries: list[DeliveryOut]
    links: list[LinkOut]


class RefusalOut(Schema):
    """A rule that refuses to issue a document."""

    code: str
    message: str


class AlikeOut(Schema):
    """A document that another looks like; `total` in minor units, `number` null of one that is approved only."""

    id: UUID
    number: str | None
    kind: str
    issue_date: date
    total: int
    currency: str


class CheckOut(Schema):
    """What stands against issuing a document, and what it looks like."""

    refusals: list[RefusalOut]
    duplicates: list[AlikeOut]


class RequestOut(Schema):
    """A tax invoice that a customer asked for; `by` is the last day for it, `number` null before it is issued."""

    document: UUID
    number: str | None
    party_name: str
    asked_on: date
    by: date
    late: bool
    words: str


class RequestsOut(Schema):
    """Those that were not given since, the most urgent first."""

    requests: list[RequestOut]


class PolicyOut(Schema):
    """The organisation's own rules on recipient-created tax invoices and on withholding."""

    rcti_confirmed_on: date | None
    rcti_confirmed_by: str
    rcti_waits: bool
    register_days: int | None
    drop_cents: bool


class RegisterAnswerOut(Schema):
    """What somebody read of a party in the business register."""

    id: UUID
    party: UUID
    checked_on: date
    name: str
    active: bool
    registered_from: date | None
    registered_to: date | None
    answer: dict[str, object] | None


class RegisterAnswersOut(Schema):
    """All answers of a party, the latest first."""

    answers: list[RegisterAnswerOut]


class RecurringOut(Schema):
    """A document that comes again by itself, or one that collects what was approved for its party."""

    id: UUID
    name: str
    party: UUID
    rhythm: Literal["weekly", "monthly"]
    first_on: date
    next_on: date
    ends_on: date | None
    due_days: int
    collects: bool
    active: bool
    trouble: str


class RecurringsOut(Schema):
    """All of them, those that go on first."""

    recurring: list[RecurringOut]


class PayoutOut(Schema):
    """A document that we are to pay. `amount` is in cents; `trouble` says why the bank's file leaves it out."""

    document: UUID
    number: str
    party: str
    due: date | None
    amount: int
    trouble: str


class PayoutsOut(Schema):
    """What is owed in Australian dollars."""

    payouts: list[PayoutOut]


class LogoOut(Schema):
    """The picture on the organisation's documents; null where there is none."""

    kind: Literal["png", "jpeg"] | None
    sha256: str | None


class OwnShowOut(Schema):
    """A show as an act on its bill sees it: what sold, as of when, and its own documents; nothing of buyers."""

    id: UUID
    title: str
    starts_at: str = Field(description="ISO 8601, with the offset of the venue's time zone.")
    venue: str
    seats: int | None
    currency: str
    cancelled: bool
    totals: FiguresOut
    as_of: str | None = Field(description="As of when the figures are true; null: not known.")
    stale: bool
    documents: list[UUID]


class OwnShowsOut(Schema):
    """A page of one's own shows, the latest first."""

    shows: list[OwnShowOut]
    next: Annotated[str | None, Field(description="The cursor of the next page; null: this is the last.")]


class RaisedOut(Schema):
    """An invoice that an act has raised, and the office has not issued yet."""

    kind: str
    reference: str
    currency: str
    issue_date: date
    total: int


class ChoiceOut(Schema):
    """A cause of alerts, and whether one is mailed about it."""

    cause: str
    words: str
    mail: bool


class ChoicesOut(Schema):
    """One's own choices in this organisation."""

    choices: list[ChoiceOut]


class ReadNowOut(Schema):
    """The accounts that are read now."""

    accounts: list[UUID]


class ReplayedOut(Schema):
    """How many webhooks are handled again."""

    replayed: int


class AlertOut(Schema):
    """Something a person should know, that is not over. `subject`: the id of an account or a show, or ""."""

    id: UUID
    cause: str
    subject: str
    text: str
    advice: str
    opened_at: datetime


class AlertsOut(Schema):
    """Open alerts, the latest first."""

    alerts: list[AlertOut]


class AsideOut(Schema):
    """A record that could not be read (`kept` false), or was odd and kept."""

    account: UUID
    kind: str
    external_id: str
    event: str
    kept: bool
    reason: str
    first_seen: datetime


class AsidesOut(Schema):
    """The latest of them first, at most 200."""

    records: list[AsideOut]
