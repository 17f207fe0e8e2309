"""What the webhook log refuses, in words a person can act on."""

from housecount.core.errors import HousecountError, NextStep


class UnknownHook(HousecountError):
    """No webhook of that id in the log, or not any more."""

    code = "unknown_webhook"
    http_status = 404
    next_step = NextStep.NEVER
