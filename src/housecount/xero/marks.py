"""How documents are in Xero: the mark that stands beside each of them, wherever it is shown."""

from collections.abc import Iterable, Sequence
from typing import Any, TypedDict
from urllib.parse import quote
from uuid import UUID

from housecount.installation import environment
from housecount.invoices.models import Document, Ending, EndingKind, Step
from housecount.xero.models import Connection, Copy, Intent, Stage, State, What

#: Where people look at a document in Xero.
_PLACES = {
    "receivable": "/AccountsReceivable/View.aspx?InvoiceID=",
    "payable": "/AccountsPayable/View.aspx?InvoiceID=",
}
_XERO = "https://go.xero.com"
_LOGIN = "https://login.xero.com"
#: Not a stage of an intent: it was written, and is another there now.
DRIFT = "drift"


class Mark(TypedDict):
    """`stage` as of an intent, or `drift`; `reason` why it is not further, or what differs; `id` and `url` in Xero."""

    stage: str
    reason: str | None
    id: str | None
    url: str | None


def marks(documents: Sequence[Document]) -> dict[UUID, Mark]:
    """The marks of issued documents of one organisation; those that were never to be written have none.

    At most four queries, however many documents. Who may not see the connection sees no marks.
    """
    if not documents:
        return {}
    organisation_id = documents[0].organisation_id
    row = (
        Connection.objects.filter(organisation_id=organisation_id).only("tenant_id", "state", "since").first()
    )
    if row is None:
        return {}
    known = {each.pk: each for each in documents}
    theirs = {"organisation_id": organisation_id, "tenant_id": row.tenant_id, "document_id__in": known}
    intents = Intent.objects.filter(**theirs).order_by("rank", "created_at")
    written: dict[UUID, Intent] = {}
    behind: dict[UUID, Intent] = {}
    for each in intents:
        if each.what == What.DOCUMENT:
            written[each.document_id] = each
        elif each.stage != Stage.DONE:
            behind.setdefault(each.document_id, each)
    drifts = dict(
        Copy.objects.filter(**theirs).exclude(drift=[]).values_list("document_id", "drift") if written else ()
    )
    found = {
        key: _mark(intent, known[key], behind.get(key), drifts.get(key, ()))
        for key, intent in written.items()
    }
    if row.state != State.DISCONNECTED:
        late = [each for key, each in known.items() if key not in found and _due(each, row)]
        ended = _void(organisation_id, late)
        found |= {each.pk: _planned() for each in late if each.pk not in ended}
    return found


def mark(organisation_id: UUID, document_id: UUID) -> dict[str, Any] | None:
    """The mark of one document; None when it was never to be written."""
    document = Document.objects.filter(organisation_id=organisation_id, pk=document_id).first()
    found = marks([document]).get(document_id) if document is not None else None
    return dict(found) if found is not None else None


def address(document: Document, xero_id: str) -> str | None:
    """Where a person looks at it in Xero; credit notes have no address that is known."""
    if not xero_id or document.gives_credit:
        return None
    # Whoever signs in elsewhere than at Xero looks elsewhere too.
    login = environment.load().xero_login_url
    return (_XERO if login == _LOGIN else login) + _PLACES[document.direction] + quote(xero_id, safe="")


def drift_words(drift: Iterable[dict[str, str]]) -> str:
    """What differs, in a line: "total: 1100.00 here, 1000.00 in Xero"."""
    return "; ".join(
        f"{each['field'].replace('_', ' ')}: {each['ours']} here, {each['xero']} in Xero" for each in drift
    )


def _mark(intent: Intent, document: Document, behind: Intent | None, drift: Iterable[dict[str, str]]) -> Mark:
    linked = intent.stage in (Stage.DRAFTED, Stage.APPROVED, Stage.DONE)
    differs = drift_words(drift) if intent.stage == Stage.DONE else ""
    reason = intent.reason or differs or (behind.reason if behind is not None else "")
    return {
        "stage": DRIFT if differs else intent.stage,
        "reason": reason or None,
        "id": intent.xero_id or None,
        "url": address(document, intent.xero_id) if linked else None,
    }


def _planned() -> Mark:
    return {"stage": Stage.PLANNED.value, "reason": None, "id": None, "url": None}


def _due(document: Document, row: Connection) -> bool:
    return document.step == Step.ISSUED and (row.since is None or document.issue_date >= row.since)


def _void(organisation_id: UUID, documents: Sequence[Document]) -> set[UUID]:
    if not documents:
        return set()
    return set(
        Ending.objects.filter(
            organisation_id=organisation_id, kind=EndingKind.VOID, document__in=documents
        ).values_list("document_id", flat=True)
    )
