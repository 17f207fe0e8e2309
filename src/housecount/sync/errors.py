"""What the engine refuses, in words a promoter can act on."""

from housecount.core.errors import HousecountError, NextStep


class UnknownAccount(HousecountError):
    """No account of that id, or not for whoever asks."""

    code = "unknown_account"
    http_status = 404
    next_step = NextStep.NEVER


class AlreadyConnected(HousecountError):
    """The organisation has an account with this very key."""

    code = "already_connected"
    http_status = 409
    next_step = NextStep.NEVER


class Disconnected(HousecountError):
    """The account was disconnected and holds no key."""

    code = "disconnected"
    http_status = 409
    next_step = NextStep.ASK_A_PERSON
