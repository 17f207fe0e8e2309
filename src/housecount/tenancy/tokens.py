"""API tokens: what a program signs in with, in the name of a person.

A token is `hc_`, eight characters by which people tell it apart, and 256 random bits. Only its SHA-256 is kept:
what is random enough needs no slow hash. It is shown once, when it is made. It never reaches further than its
person does at this moment, whatever was written down when it was made.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from housecount.core.errors import HousecountError, NextStep
from housecount.tenancy.crypto import Secret
from housecount.tenancy.errors import Invalid, TenancyError
from housecount.tenancy.identity import Identity, Role, acting_as, become
from housecount.tenancy.models import ApiAnswer, ApiToken, Membership, Organisation, User
from housecount.tenancy.queries import all_organisations

SCOPES = {
    "sales:read": "See shows, listings, orders without buyers, the ledger, and analytics",
    "sales:write": "Link, unlink and merge listings, set capacities, runs and bills",
    "invoices:read": "See parties, documents, payments and reports",
    "invoices:write": "Make, issue, pay and correct documents; change parties",
    "sync:read": "See accounts, reads, gaps and the webhook log",
    "sync:write": "Ask for reads, replay webhooks",
    "settings:read": "See the organisation, its members and its audit log",
    "settings:write": "Change the organisation and one's own notifications, revoke tokens",
}
"""Every scope, in words."""

GRANTS: dict[Role, tuple[Role, ...]] = {
    Role.ADMIN: (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER),
    Role.PROMOTER: (Role.PROMOTER, Role.BOOKKEEPER),
    Role.BOOKKEEPER: (Role.BOOKKEEPER,),
    Role.ACT: (Role.ACT,),
}
"""By a person's role, the roles their tokens may have."""

#: Requests a token may make in a window of so many seconds.
LIMIT = 600
WINDOW = 60
#: How often it is written down that a token was used.
NOTE_EVERY = timedelta(minutes=1)
MOST_TOKENS = 100
#: How long the answer to a request with an idempotency key is given again.
ANSWERS_KEPT = timedelta(hours=24)
_FORM = re.compile(r"hc_[a-z2-7]{8}_[A-Za-z0-9_-]{43}")


class TokenRefused(TenancyError):
    """One answer for unknown, expired, revoked and orphaned tokens, so that nothing can be learned from it."""

    code = "token_refused"
    http_status = 401
    next_step = NextStep.ASK_A_PERSON

    def __init__(self) -> None:
        super().__init__(
            "This API token cannot be used: it is unknown, has expired or was revoked, or its owner's role no "
            "longer reaches so far. Make a new one under Settings, API tokens."
        )


class TooManyRequests(HousecountError):
    """A token made more requests than it may; `retry_after` are the seconds until it may again."""

    code = "too_many_requests"
    http_status = 429
    next_step = NextStep.RETRY_AFTER

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"This API token has made {LIMIT} requests within a minute. Go on in {retry_after} seconds."
        )
        self.retry_after = retry_after


class UnknownToken(TenancyError):
    code = "not_found"
    http_status = 404
    next_step = NextStep.NEVER

    def __init__(self) -> None:
        super().__init__("There is no such API token.")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever a request with a token acts for. `left` requests may follow within `resets_in` seconds."""

    token_id: UUID
    membership: Membership
    role: Role
    scopes: frozenset[str]
    left: int
    resets_in: int

    @property
    def user(self) -> User:
        """The person who made the token."""
        return self.membership.user

    @property
    def organisation(self) -> Organisation:
        """Where it is valid."""
        return self.membership.organisation

    @property
    def identity(self) -> Identity:
        """What its transactions act as."""
        return Identity(self.role, self.organisation.pk, self.user.pk, self.token_id)


def recognise(token: str) -> Bearer:
    """Whoever `token` acts for, and one request counted; in a transaction of its own, before any other.

    So no request waits for another one of the same token. Raises TokenRefused and TooManyRequests.
    """
    if not _FORM.fullmatch(token):
        raise TokenRefused
    with acting_as(Identity.nobody()), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM app.bearer(%s)", [_hash(token)])
        found = cursor.fetchone()
        if found is None:
            raise TokenRefused
        token_id, organisation_id, user_id, named, scopes, last_used_at = found
        become(Identity.system(organisation_id))
        role = Role(named)
        membership = (
            Membership.objects.filter(organisation_id=organisation_id, user_id=user_id, user__is_active=True)
            .select_related("user", "organisation")
            .first()
        )
        if membership is None or role not in GRANTS[Role(membership.role)]:
            raise TokenRefused
        cursor.execute(_COUNT, {"token": token_id, "organisation": organisation_id, "window": WINDOW})
        used, resets_in = cursor.fetchone()
        now = timezone.now()
        if last_used_at is None or now - last_used_at > NOTE_EVERY:
            ApiToken.objects.filter(organisation_id=organisation_id, pk=token_id).update(last_used_at=now)
    if used > LIMIT:
        raise TooManyRequests(max(1, ceil(resets_in)))
    given = frozenset(json.loads(scopes)) & SCOPES.keys()
    return Bearer(token_id, membership, role, given, LIMIT - used, max(0, ceil(resets_in)))


_COUNT = """
INSERT INTO tenancy_api_token_use AS token_use (token_id, organisation_id, began_at, used)
VALUES (%(token)s, %(organisation)s, clock_timestamp(), 1)
ON CONFLICT (token_id) DO UPDATE SET (used, began_at) = (
    SELECT CASE WHEN fresh THEN token_use.used + 1 ELSE 1 END,
        CASE WHEN fresh THEN token_use.began_at ELSE clock_timestamp() END
    FROM (SELECT token_use.began_at > clock_timestamp() - make_interval(secs => %(window)s)) AS minute (fresh)
)
RETURNING used, extract(epoch FROM began_at + make_interval(secs => %(window)s) - clock_timestamp())::float8
"""


def create(
    organisation_id: UUID,
    membership: Membership,
    *,
    name: str,
    role: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
) -> tuple[ApiToken, Secret]:
    """A new token of the member's own, and the token itself, which is kept nowhere; as that member or `system`.

    Raises Invalid for a name, scope, role or time that cannot be, and for a role above the member's.
    """
    name = name.strip()
    if not 0 < len(name) <= 100 or not name.isprintable():
        raise Invalid("Give the token a name of 1 to 100 characters, so that you will know what uses it.")
    wanted = [scope for scope in SCOPES if scope in scopes]
    if not wanted or len(wanted) != len(set(scopes)):
        raise Invalid(f"Choose at least one scope, of these: {', '.join(SCOPES)}.")
    may = GRANTS[Role(membership.role)]
    if role not in may:
        raise Invalid(f"A token of a {membership.role} has one of these roles: {', '.join(may)}.")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The token would have expired already: choose a day to come.")
    mine = ApiToken.objects.filter(organisation_id=organisation_id, created_by_id=membership.user_id)
    if mine.filter(revoked_at=None).count() >= MOST_TOKENS:
        raise Invalid(f"You have {MOST_TOKENS} tokens already: revoke those that nothing uses.")
    prefix = f"hc_{base64.b32encode(secrets.token_bytes(5)).decode().lower()}"
    token = f"{prefix}_{secrets.token_urlsafe(32)}"
    made = ApiToken.objects.create(
        organisation_id=organisation_id,
        created_by_id=membership.user_id,
        name=name,
        prefix=prefix,
        token_hash=_hash(token),
        role=role,
        scopes=wanted,
        expires_at=expires_at,
    )
    return made, Secret(token)


def revoke(organisation_id: UUID, token_id: UUID) -> ApiToken:
    """End a token for good; as an admin, as the person who made it, or as `system`. Raises UnknownToken."""
    found = tokens(organisation_id).filter(pk=token_id).select_for_update(of=("self",)).first()
    if found is None:
        raise UnknownToken
    if found.revoked_at is None:
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
    return found


def tokens(organisation_id: UUID) -> QuerySet[ApiToken]:
    """The organisation's tokens, the newest first: all of them for an admin, one's own for others."""
    return ApiToken.objects.filter(organisation_id=organisation_id).order_by("-created_at", "id")


def forget_answers(now: datetime | None = None) -> int:
    """Removes, in every organisation, the answers to idempotency keys that are older than `ANSWERS_KEPT`; how many."""
    before, number = (now or timezone.now()) - ANSWERS_KEPT, 0
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            number += ApiAnswer.objects.filter(
                organisation_id=organisation.pk, created_at__lt=before
            ).delete()[0]
    return number


def state(token: ApiToken, now: datetime | None = None) -> str:
    """`active`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return (
        "expired"
        if token.expires_at is not None and token.expires_at <= (now or timezone.now())
        else "active"
    )


def document(token: ApiToken) -> dict[str, object]:
    """A token as commands and the API tell it: without the secret, which nobody has."""
    return {
        "id": str(token.pk),
        "name": token.name,
        "prefix": token.prefix,
        "role": token.role,
        "scopes": list(token.scopes),
        "state": state(token),
        "created_by": str(token.created_by_id),
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
    }


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
