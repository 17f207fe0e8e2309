"""Whatever may be sent by the OpenAPI document, and whatever may not: each answer is one that the document describes.

Requests are made up from the document by schemathesis and go through the whole application.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as said

from housecount.box_office.models import Suggestion
from housecount.invoices import mail
from housecount.invoices.models import Document
from housecount.tenancy import tokens
from housecount.tenancy.identity import acting_as
from tests.api.caller import Caller, token_of
from tests.api.test_sync_api import Engine
from tests.invoices.office import OUR_ABN, document_data, party_data

EXAMPLES = 2
#: Not acceptance of whatever has the right form: most that is refused has it (an ABN's check digits, a state that does
#: not allow a step).
CHECKS = [
    not_a_server_error,
    said.status_code_conformance,
    said.content_type_conformance,
    said.response_headers_conformance,
    said.response_schema_conformance,
    said.unsupported_method,
    said.allow_header_conformance,
]


class Ground:
    """A house in which there is one of everything that an address can name."""

    def __init__(self) -> None:
        engine = Engine()
        stage = engine.stage
        self.token = token_of(engine.house.admin)
        caller = Caller(self.token)
        second = stage.put_on("Another", days=20, sold=1)
        listing = stage.put_on("Third", days=21, sold=1)
        with acting_as(engine.house.system):
            suggestion = Suggestion.objects.create(
                organisation_id=stage.organisation_id, listing=listing, show_id=second.show_id, score=50
            )
        caller.post("/parties", party_data(name="Own", abn=OUR_ABN) | {"self": True}, 201)
        party = caller.post("/parties", party_data(), 201)["id"]
        drafts = [caller.post("/documents", document_data(party), 201)["id"] for _ in range(2)]
        for _ in range(2):
            drafts.append(caller.post("/documents", document_data(party), 201)["id"])
            caller.post(f"/documents/{drafts[-1]}/issue")
        caller.post(f"/documents/{drafts[-1]}/pay", {"amount": 500, "date": "2026-12-01"})
        agreed = {"kind": "rcti", "party": party, "from": "2026-01-01", "supplies": "sets"}
        agreement = caller.post("/agreements", agreed, 201)["id"]
        again = {"document": drafts[0], "rhythm": "weekly", "first_on": "2027-01-01"}
        recurring = caller.post("/recurring", again, 201)["id"]
        with acting_as(engine.house.admin.identity):
            issued = Document.objects.get(pk=drafts[-1])
            mail.make_link(issued, timezone.now(), engine.house.admin.user)
        known = caller.get(f"/documents/{drafts[-1]}/history")
        link, delivery = known["links"][0]["id"], known["deliveries"][0]["id"]
        token_of(engine.house.admin, ["sales:read"])
        spare = caller.get("/tokens")["tokens"][0]["id"]
        self.known: dict[str, list[Any]] = {
            "show_id": [second.show_id, listing.show_id],
            "listing_id": [second.pk, listing.pk],
            "suggestion_id": [suggestion.pk],
            "account_id": [engine.account.account_id],
            "party_id": [party],
            "document_id": drafts,
            "recurring_id": [recurring],
            "agreement_id": [agreement],
            "link_id": [link],
            "delivery_id": [delivery],
            "token_id": [spare],
            "hook_id": [caller.get("/hooks")["hooks"][0]["id"]],
        }


@pytest.fixture(scope="module")
def ground(database: str) -> Iterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "LIMIT", 1_000_000)
        yield Ground()


@pytest.fixture(scope="module")
def described(database: str) -> Any:
    document = Client().get("/api/v1/openapi.json").json()
    # Whom a request is from is tried elsewhere (test_access).
    del document["components"]["securitySchemes"]
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        del operation["security"]
    schema = schemathesis.openapi.from_dict(document)
    schema.app = get_wsgi_application()
    return schema


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_answer_is_described(ground: Ground, described: Any, mode: GenerationMode) -> None:
    asked: set[str] = set()
    broken = []
    for found in described.get_all_operations():
        try:
            check_operation(ground, found.ok(), mode, asked)
        except BaseExceptionGroup as breaches:
            broken += [f"{found.ok().label}: {each}" for each in breaches.exceptions]
        except Unsatisfiable:  # it takes nothing that could be wrong
            assert mode is GenerationMode.NEGATIVE
    assert not broken, "\n\n".join(broken)
    assert len(asked) > 40


def right(value: object) -> bool:
    """Whether a part of an address has the right form: one that has not is left as it is."""
    try:
        return isinstance(value, int) or bool(UUID(str(value)))
    except ValueError:
        return False


def check_operation(ground: Ground, operation: Any, mode: GenerationMode, asked: set[str]) -> None:
    """Some requests to one operation; half of them about what is there."""
    extra = [said.negative_data_rejection] if mode is GenerationMode.NEGATIVE else []

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        derandomize=True,
    )
    @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans(), pick=st.integers(0, 3))
    def check(case: Any, there: bool, pick: int) -> None:
        for name, value in list((case.path_parameters or {}).items()):
            if (there or mode is GenerationMode.NEGATIVE) and name in ground.known and right(value):
                case.path_parameters[name] = str(ground.known[name][pick % len(ground.known[name])])
        asked.add(f"{case.method} {operation.path}")
        answer = case.call(headers={"Authorization": f"Bearer {ground.token}"})
        # What is too large to be read was refused, too; schemathesis does not count it.
        case.validate_response(answer, checks=CHECKS + ([] if answer.status_code == 413 else extra))

    check()


def test_methods_that_are_not_described_are_refused(ground: Ground, described: Any) -> None:
    caller = Caller(ground.token)
    for path, methods in described.raw_schema["paths"].items():
        ids = {name: found[0] for name, found in ground.known.items()}
        for method in {"GET", "POST", "PATCH", "DELETE", "PUT"} - {each.upper() for each in methods}:
            answer = caller.ask(
                method, path.format(**ids).removeprefix("/api/v1"), Idempotency_Key=uuid4().hex
            )
            assert answer.status_code == 405, (method, path)
            assert answer.json()["code"] == "method_not_allowed"
