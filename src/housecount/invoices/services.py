"""What can be done with parties, documents and payments. Each runs in the caller's `acting_as`, whole or not at all.

A document's numbers, lines and parties are fixed when it is issued; what happens to it later are other rows.
"""

from housecount.invoices.agreements import create_agreement, end_agreement
from housecount.invoices.credits import credit
from housecount.invoices.deposits import ask_for_deposit
from housecount.invoices.drafts import approve, create_documents, delete, edit, reopen
from housecount.invoices.issuing import Outcome, issue, issue_each, issue_one, rcti_copy_by, refusals
from housecount.invoices.parties import (
    archive_party,
    create_parties,
    create_party,
    edit_party,
)
from housecount.invoices.payments import apply_credit, pay, still_to_come, void, write_off
from housecount.invoices.policy import record_answer, set_policy

__all__ = [
    "Outcome",
    "apply_credit",
    "approve",
    "archive_party",
    "ask_for_deposit",
    "create_agreement",
    "create_documents",
    "create_parties",
    "create_party",
    "credit",
    "delete",
    "edit",
    "edit_party",
    "end_agreement",
    "issue",
    "issue_each",
    "issue_one",
    "pay",
    "rcti_copy_by",
    "record_answer",
    "refusals",
    "reopen",
    "set_policy",
    "still_to_come",
    "void",
    "write_off",
]
