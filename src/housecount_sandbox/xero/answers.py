"""Xero's forms of answer: the envelope, XML for who does not ask for JSON, refusals, and elements at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from housecount_sandbox.exchange import Answer, Question, Refusal
from housecount_sandbox.xero.values import decode, encode, moment_text

if TYPE_CHECKING:
    from datetime import datetime

NOBODY = "00000000-0000-0000-0000-000000000000"


class Invalid(Exception):
    """An element that Xero will not take: what was sent, with `ValidationErrors` where they belong."""

    def __init__(self, sent: dict[str, Any], *messages: str) -> None:
        super().__init__(messages)
        self.element = dict(sent)
        self.element["ValidationErrors"] = [{"Message": message} for message in messages]


def envelope(plural: str, rows: list[Any], now: datetime, **more: Any) -> dict[str, Any]:
    """`{"Id", "Status", "ProviderName", "DateTimeUTC", ...}` around the rows."""
    return {
        "Id": "5ab1ec0e-0000-4000-8000-00000000b001",
        "Status": "OK",
        "ProviderName": "Housecount",
        "DateTimeUTC": moment_text(now),
        **more,
        plural: rows,
    }


def written(question: Question, data: Any, status: int = 200) -> Answer:
    """The answer as JSON, or as XML to a question that does not ask for JSON."""
    if "json" in question.headers.get("accept", ""):
        return Answer(status, encode(data))
    return Answer(status, f"<Response>{_xml(data)}</Response>".encode(), content_type="text/xml")


def _xml(data: Any) -> str:
    if isinstance(data, dict):
        return "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in data.items())
    if isinstance(data, list):
        return "".join(f"<Item>{_xml(each)}</Item>" for each in data)
    return "" if data is None else escape(str(data))


def refuse(status: int, title: str, detail: str, **headers: str) -> Refusal:
    """A refusal at the door, before any validation."""
    body = encode({"Type": None, "Title": title, "Status": status, "Detail": detail})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(Answer(status, body, named))


def bad_request(message: str) -> Refusal:
    """The whole request is at fault: not what the schema says."""
    return Refusal(
        Answer(400, encode({"ErrorNumber": 14, "Type": "PostDataInvalidException", "Message": message}))
    )


def not_found() -> Refusal:
    return Refusal(Answer(404, b"The resource you're looking for cannot be found", content_type="text/html"))


def validation_failed(elements: list[dict[str, Any]]) -> Answer:
    """400 with everything that was submitted and what is wrong with it."""
    data = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": elements,
    }
    return Answer(400, encode(data))


def elements(question: Question, plural: str) -> list[dict[str, Any]]:
    """What was sent: `{"Invoices": [..]}`, a list, or one object. Refuses anything else."""
    try:
        data = decode(question.body)
    except ValueError:
        raise bad_request("The request body could not be read as JSON") from None
    if isinstance(data, dict) and plural in data:
        data = data[plural]
    rows = data if isinstance(data, list) else [data]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise bad_request(f"No {plural} in the request")
    return rows
