"""Who may do what over the API: a session or a token, the role that stands behind it, and a token's scopes."""

from typing import cast

from django.http import HttpRequest
from ninja.utils import check_csrf

from housecount.api import idempotency
from housecount.api.errors import NotForRole
from housecount.core.errors import HousecountError
from housecount.tenancy.access import MemberRequest, TenantRequest
from housecount.tenancy.identity import PEOPLE, Role

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
"""Who sees the organisation's figures and its money."""
SELLERS = (Role.ADMIN, Role.PROMOTER)
"""Who decides what belongs together."""
ADMINS = (Role.ADMIN,)
EVERYBODY = PEOPLE
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Forged(HousecountError):
    """A change without the token that proves it comes from our own page."""

    code = "csrf_token_needed"
    http_status = 403


class ScopeMissing(HousecountError):
    """A token that was not made for this."""

    code = "scope_missing"
    http_status = 403


class SecondFactorNeeded(HousecountError):
    """The organisation needs a second factor of its members, and this one has none."""

    code = "second_factor_needed"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("Your organisation needs two-factor sign-in: set it up on the site first.")


class Access:
    """Lets in whoever holds one of `roles`, and of tokens those with `scope` (None: any).

    A change over a session needs the page's CSRF token, because a browser sends its session with every request;
    a token comes from nowhere by itself. A change is claimed for its `Idempotency-Key` here, once it is known
    whose it is.
    """

    def __init__(self, scope: str | None, roles: tuple[Role, ...]) -> None:
        self.scope, self.roles = scope, roles

    def __call__(self, request: HttpRequest) -> object | None:
        """Whoever asks; None for nobody.

        Raises `NotForRole`, `SecondFactorNeeded`, `ScopeMissing`, `Forged`, and why a token is refused.
        """
        caller = cast("TenantRequest", request)
        if caller.bearer_trouble is not None:
            raise caller.bearer_trouble
        if not caller.user.is_authenticated:
            return None
        if caller.held_back_from is not None:
            raise SecondFactorNeeded
        if caller.organisation is None:
            raise NotForRole(
                "You do not belong to an organisation here. Ask an admin of yours to invite you."
            )
        if caller.identity.role not in self.roles:
            raise NotForRole(
                f"This is for the organisation's {_and([f'{role.value}s' for role in self.roles])}."
            )
        if caller.bearer is not None and self.scope is not None and self.scope not in caller.bearer.scopes:
            raise ScopeMissing(f"This API token lacks the scope {self.scope}: make one that has it.")
        if request.method not in READING:
            if caller.bearer is None and check_csrf(request) is not None:
                raise Forged(
                    "Send the CSRF token of the site in the header X-CSRFToken, or use an API token."
                )
            idempotency.claim(member(request))
        return caller.user


def member(request: HttpRequest) -> MemberRequest:
    """The request as one that `Access` let in."""
    return cast("MemberRequest", request)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
