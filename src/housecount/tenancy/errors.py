"""What can go wrong with organisations and people, in words for a person."""

from housecount.core.errors import HousecountError, NextStep


class TenancyError(HousecountError):
    """A request about organisations or people that was refused; nothing was changed."""

    code = "refused"
    http_status = 400


class UnknownOrganisation(TenancyError):
    code = "unknown_organisation"
    http_status = 404

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"There is no organisation “{slug}”. `housecount organisation list` shows those there are."
        )


class AlreadyThere(TenancyError):
    """What should be made exists."""

    code = "already_there"
    http_status = 409


class Invalid(TenancyError):
    """A value that cannot be used; the message names it."""

    code = "invalid"
    http_status = 422


class LastAdmin(TenancyError):
    code = "last_admin"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This is the organisation's only admin. Make somebody else an admin first, "
            "so that the organisation is not left without one."
        )


class InvitationUnusable(TenancyError):
    """One answer for unknown, expired and used invitations, so that nothing can be learned from it."""

    code = "invitation_unusable"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(
            "This invitation cannot be used: it has expired, was used already, or the link is incomplete. "
            "Ask whoever invited you for a new one."
        )


class KeyMissing(HousecountError):
    """The key that encrypted something is not in the key ring."""

    code = "encryption_key_missing"
    http_status = 500
    next_step = NextStep.ASK_A_PERSON
