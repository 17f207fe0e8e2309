"""What can go wrong for a follower."""

from housecount.core.errors import HousecountError, NextStep


class CursorTooOld(HousecountError):
    """Changes after the cursor are not kept any more, or it was never given out by this database."""

    code = "cursor_too_old"
    http_status = 410
    next_step = NextStep.NEVER
