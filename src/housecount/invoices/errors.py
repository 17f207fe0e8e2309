"""What documents refuse, in words a promoter or bookkeeper can act on. Nothing was changed."""

from collections.abc import Sequence

from housecount.core.errors import HousecountError, NextStep
from housecount.core.gates import Refusal


class InvoiceError(HousecountError):
    """A request about parties, documents or payments that was refused."""

    code = "refused"
    http_status = 409
    next_step = NextStep.ASK_A_PERSON


class NotFound(InvoiceError):
    """A party, document or agreement that is not there, or not for whoever asks."""

    code = "not_found"
    http_status = 404
    next_step = NextStep.NEVER

    def __init__(self, message: str, *, command: str = "", address: str = "") -> None:
        super().__init__(message)
        self.command, self.address = command, address


class Invalid(InvoiceError):
    """A value that cannot be used; the message names it."""

    code = "invalid"
    http_status = 422


class NotPossible(InvoiceError):
    """An action that the state of a document does not allow; `code` says which rule."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Refused(InvoiceError):
    """A document that may not be issued. `refusals` are all the reasons; `code` is that of the first."""

    http_status = 422

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(" ".join(each.message for each in refusals))
        self.code = refusals[0].code
        self.refusals = list(refusals)
