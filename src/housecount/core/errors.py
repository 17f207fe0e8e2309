"""The one base of every error a person may see, with what to do next."""

from enum import StrEnum


class NextStep(StrEnum):
    """What whoever meets an error should do."""

    RETRY = "retry"
    RETRY_AFTER = "retry_after"
    ASK_A_PERSON = "ask_a_person"
    NEVER = "never"


class HousecountError(Exception):
    """Something a promoter can read: what happened, on whose side, what to do.

    `code` is stable and safe to branch on; `http_status` is what the API answers with; the message holds
    no secret and no buyer's data. Where a look elsewhere helps, `command` and `address` say where: at the command
    line and in the API. The message names neither, so that it is right on a page as well.
    """

    code = "error"
    http_status = 500
    next_step = NextStep.ASK_A_PERSON
    command = ""
    address = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
