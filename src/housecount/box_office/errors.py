"""What the box office refuses, in words a promoter can act on."""

from housecount.core.errors import HousecountError, NextStep


class NotFound(HousecountError):
    """Something asked for by id or name is not there, or not for whoever asks."""

    code = "not_found"
    http_status = 404
    next_step = NextStep.NEVER


class NotPossible(HousecountError):
    """An action that the state of things does not allow."""

    code = "not_possible"
    http_status = 409
    next_step = NextStep.ASK_A_PERSON
