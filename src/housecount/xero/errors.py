"""What can go wrong with Xero, in words for whoever keeps the books."""

from housecount.core.errors import HousecountError, NextStep
from housecount.platforms.base.errors import ConfigError, PlatformError


class NotConnected(HousecountError):
    """There is no connection to Xero, or it does not work any more."""

    code = "xero_not_connected"
    http_status = 409
    next_step = NextStep.ASK_A_PERSON


class DoesNotFit(HousecountError):
    """The organisation in Xero is not one that our documents can be written to."""

    code = "xero_does_not_fit"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


class Busy(HousecountError):
    """Somebody else is writing to the same organisation at this moment."""

    code = "xero_busy"
    http_status = 409
    next_step = NextStep.RETRY_AFTER


class SignInFailed(ConfigError):
    """Xero gives no token for what we have: the application's name or secret is wrong, or the consent was revoked."""

    code = "xero_sign_in_failed"


class MissingScope(ConfigError):
    """The consent does not cover what we asked for."""

    code = "xero_missing_scope"


class Rejected(PlatformError):
    """Xero looked at what we sent and will not take it. `messages` are its own words; the same again is no use."""

    code = "xero_rejected"
    http_status = 422

    def __init__(self, messages: tuple[str, ...]) -> None:
        super().__init__("Xero did not take it: " + (" ".join(messages) or "it gave no reason."))
        self.messages = messages


class Blocked(HousecountError):
    """A document that cannot be written yet: what is missing stands in the message, and nothing was sent."""

    code = "xero_blocked"
    http_status = 409
    next_step = NextStep.ASK_A_PERSON


class Conflict(Blocked):
    """Xero already has something else under this number."""

    code = "xero_conflict"


class Differs(Blocked):
    """Xero came to other figures than we did. Nothing was approved."""

    code = "xero_differs"
