"""What a person sees in Xero itself when they look at a document: a plain page of it, for links to lead to."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from housecount_sandbox.exchange import Answer

if TYPE_CHECKING:
    from housecount_sandbox.exchange import Question
    from housecount_sandbox.xero.books import Xero

PLACES = ("/AccountsReceivable/View.aspx", "/AccountsPayable/View.aspx")


def look(xero: Xero, question: Question) -> Answer:
    """The document that `InvoiceID` names, of whichever organisation has it."""
    wanted = question.query.get("InvoiceID", "")
    for tenant in xero.tenants:
        found = tenant.documents.get(wanted)
        if found is None:
            continue
        rows = "".join(
            f"<tr><td>{escape(line.description)}</td><td>{line.quantity:f}</td><td>{line.unit:f}</td>"
            f"<td>{line.amount:f}</td><td>{line.tax:f}</td></tr>"
            for line in found.lines
        )
        paid = "".join(
            f"<li>{each.day} {each.amount:f} {escape(each.reference)} ({each.status})</li>"
            for each in found.payments
        )
        return _page(
            f"{found.number} in {tenant.name}",
            f"<p>{escape(found.type)}, <b>{found.status}</b>. {escape(found.contact.name)}. "
            f"Dated {found.day}, due {found.due}.</p>"
            f"<table><tr><th>Line</th><th>Quantity</th><th>Unit</th><th>Amount</th><th>Tax</th></tr>{rows}</table>"
            f"<p>Total {found.total:f} {found.currency}, of it tax {found.tax:f}; {found.left:f} is left.</p>"
            f"<ul>{paid}</ul>",
        )
    return _page("Not there", "<p>No organisation here has such a document.</p>", 404)


def _page(title: str, body: str, status: int = 200) -> Answer:
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<h1>{escape(title)}</h1>{body}<p>This is the sandbox's stand-in for Xero.</p></html>"
    )
    return Answer(status, text.encode(), content_type="text/html")
