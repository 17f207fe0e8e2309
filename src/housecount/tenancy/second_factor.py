"""An organisation that wants more than a password of its members.

An admin says so once; from a week later on, whoever has no second factor is shown how to switch one on instead of the
organisation's pages. Nobody is locked out by it: setting one up takes the password and a phone. API tokens are secrets
of their own and go on as they are.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.utils import timezone

from housecount.tenancy import crypto
from housecount.tenancy.errors import Invalid
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation, User

GRACE = timedelta(days=7)
"""How long members have, once an admin has asked it of them."""
#: What of an authenticator's data the adapter encrypts.
_SECRET_PARTS: Final = {"secret", "seed", "migrated_codes"}


def has_one(user_id: UUID) -> bool:
    """Whether this person signs in with a code too; as themselves, before it is known who acts, or as `system`."""
    return bool(Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP).exists())


def is_missing(organisation: Organisation, user_id: UUID) -> bool:
    """Whether this person may not go on in `organisation` before they have a second factor."""
    since = organisation.second_factor_from
    return since is not None and since <= timezone.now() and not has_one(user_id)


def wanted_by(organisation: Organisation, user_id: UUID) -> datetime | None:
    """Until when this person may still do without; None when nothing is wanted of them."""
    since = organisation.second_factor_from
    return since if since is not None and since > timezone.now() and not has_one(user_id) else None


def rotate() -> int:
    """Encrypt what the second factors of everybody are made of with the first key of the ring; how many rows.

    Raises KeyMissing for one that no key of the ring fits.
    """
    with acting_as(Identity.system()):
        rows = list(Authenticator.objects.select_for_update().order_by("pk"))
        for row in rows:
            for name in _SECRET_PARTS & row.data.keys():
                row.data[name] = _rotated(row.data[name])
            Authenticator.objects.filter(pk=row.pk).update(data=row.data)
        return len(rows)


def _rotated(part: Any) -> Any:
    # Codes that came from elsewhere are a list of them.
    if isinstance(part, list):
        return [_rotated(each) for each in part]
    return crypto.rotate(part.encode()).decode()


def ask_of_everybody(organisation: Organisation, *, needed: bool, by: User) -> Organisation:
    """The organisation, which from `GRACE` on needs a second factor of its members, or never; as an admin of it.

    Raises Invalid when `by` has none themselves: they would be the first who cannot go on.
    """
    if not needed:
        organisation.second_factor_from = None
    elif not has_one(by.pk):
        raise Invalid("Switch on your own two-factor sign-in first, so that you know what you ask of others.")
    elif organisation.second_factor_from is None:
        organisation.second_factor_from = timezone.now() + GRACE
    organisation.save(force_update=True, update_fields=["second_factor_from"])
    return organisation
