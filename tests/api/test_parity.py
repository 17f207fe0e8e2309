"""Whatever the pages do, the API does: each address that takes a form has its operation, or a reason why not."""

from collections import Counter

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from ninja import Schema

#: By the name of a page's address, the operation that does the same.
DONE_BY = {
    # shows
    "show_capacity": "edit_show",
    "show_bill_add": "set_bill",
    "show_bill_remove": "set_bill",
    "show_run": "edit_show",
    "show_merge": "merge_show",
    "show_revive": "revive_show",
    "listing_link": "link_listing",
    "listing_unlink": "unlink_listing",
    "suggestion_decline": "decline_suggestion",
    "suggestion_restore": "restore_suggestion",
    # sync
    "read_now": "read_accounts",
    "read_account": "read_account",
    "hook_replay": "replay_hook",
    "hook_dismiss": "dismiss_hook",
    "hooks_replay": "replay_hooks",
    # settings
    "settings": "edit_organisation",
    "notifications": "edit_notifications",
    "token_revoke": "revoke_token",
    # documents
    "document_new": "create_documents",
    "document_edit": "edit_document",
    "document_delete": "delete_document",
    "document_approve": "approve_document",
    "document_reopen": "reopen_document",
    "document_issue": "issue_document",
    "document_void": "void_document",
    "document_write_off": "write_off_document",
    "document_pay": "pay_document",
    "document_refund": "pay_document",
    "document_credit": "credit_document",
    "document_use_credit": "use_credit_document",
    "document_deposit": "deposit_document",
    "document_copy_given": "copy_given_document",
    "document_asked": "tax_invoice_asked_document",
    "document_e_invoice": "document_e_invoice",
    "document_send": "send_document",
    "document_settle": "settle_document",
    "document_remind": "remind_document",
    "document_link_revoke": "revoke_link",
    "document_delivery": "change_delivery",
    "document_repeat": "create_recurring",
    "batch": "issue_documents",
    "invoice_raise": "raise_invoice",
    "recurring_switch": "edit_recurring",
    "bank_file_paid": "pay_document",
    "rcti_rules": "edit_policy",
    "agreement_end": "end_agreement",
    "party_new": "create_party",
    "party_edit": "edit_party",
    "party_archive": "archive_party",
    "party_agreement": "create_agreement",
    "party_register": "record_register_answer",
    "party_collect": "create_recurring",
    "logo": "set_logo",
}
_KEY = "a key or a password: secrets are typed by people, and travel over the API in neither direction"
_PEOPLE = "who belongs and how they sign in is decided by people: a token that leaks must let nobody in"
_OWN = "one's own browser"
_RECIPIENT = "by whoever got a document, who has a link and no token"
_OPERATOR = "the installation's, not an organisation's: `housecount` commands"
REASONS = {
    "connect_platform": _KEY,
    "new_key": _KEY,
    "disconnect": _KEY,
    "tokens": _KEY,
    "bank_file": "the file holds whole account numbers, which the API never tells; `payouts` says the rest",
    "document_link": "a link is a key to a document, handed over by a person, and shown to them once",
    "people_invite": _PEOPLE,
    "invitation_resend": _PEOPLE,
    "invitation_revoke": _PEOPLE,
    "people_role": _PEOPLE,
    "people_remove": _PEOPLE,
    "ask_second_factor": _PEOPLE,
    "choose_organisation": _OWN,
    "session_end": _OWN,
    "sessions_end_others": _OWN,
    "recipient_dispute": _RECIPIENT,
    "recipient_object": _RECIPIENT,
    "recipient_promise": _RECIPIENT,
    "recipient_ask": _RECIPIENT,
    "job_retry": _OPERATOR,
    "job_cancel": _OPERATOR,
    "dead_hook_retry": _OPERATOR,
    "dead_hook_dismiss": _OPERATOR,
}
#: Signing in itself: allauth's addresses, and joining by an invitation.
SIGNING_IN = ("account_", "mfa_")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


def taking_forms() -> set[str]:
    """The names of the pages' addresses that take a POST, by what each says it takes."""
    found = set()
    for pattern in _pages(get_resolver().url_patterns):
        response = _asked(pattern)
        if "POST" in response:
            found.add(str(pattern.name))
    return found


def _pages(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[URLPattern]:
    found: list[URLPattern] = []
    for each in patterns:
        here = prefix + str(each.pattern)
        if here.startswith("api/"):
            continue
        found += _pages(each.url_patterns, here) if isinstance(each, URLResolver) else [each]
    return found


def _asked(pattern: URLPattern) -> set[str]:
    """The methods that the view's own decorator lets through; all of them where it has none."""
    view = pattern.callback
    while view is not None:
        for cell in getattr(view, "__closure__", None) or ():
            kept = cell.cell_contents
            if isinstance(kept, (list, tuple)) and kept and set(map(str, kept)) <= _METHODS:
                return set(kept)
        view = getattr(view, "__wrapped__", None)
    return {"GET", "POST"}


@pytest.fixture(scope="module")
def operations() -> set[str]:
    paths = Client().get("/api/v1/openapi.json").json()["paths"]
    return {each["operationId"] for methods in paths.values() for each in methods.values()}


def test_the_methods_of_a_view_are_found() -> None:
    def view(request: object) -> None: ...

    for decorate, methods in (
        (require_POST, {"POST"}),
        (require_safe, {"GET", "HEAD"}),
        (require_http_methods(["GET", "POST"]), {"GET", "POST"}),
    ):
        decorated = decorate(view)  # type: ignore[operator]
        assert _asked(type("Pattern", (), {"callback": staticmethod(decorated)})()) == methods  # type: ignore[arg-type]


def test_what_pages_do_the_api_does_or_says_why_not(database: str, operations: set[str]) -> None:
    found = {name for name in taking_forms() if not name.startswith(SIGNING_IN) and name != "None"}
    known = set(DONE_BY) | set(REASONS)
    assert not set(DONE_BY) & set(REASONS)
    left = sorted(name for name in found - known if not name.startswith("xero"))
    assert left == [], "neither an operation of the API nor a reason"
    assert sorted(known - found) == [], "no page takes these any more"
    assert sorted(set(DONE_BY.values()) - operations) == [], "there is no such operation"


def test_no_two_schemas_have_one_name(operations: set[str]) -> None:
    """The OpenAPI document knows schemas by their names: of two it would describe one, for both."""
    ours, seen = list(Schema.__subclasses__()), set[type]()
    for each in ours:
        ours += [below for below in each.__subclasses__() if below not in seen]
        seen.add(each)
    names = Counter(each.__name__ for each in seen if each.__module__.startswith("housecount."))
    assert len(names) > 50
    assert [name for name, times in names.items() if times > 1] == []
