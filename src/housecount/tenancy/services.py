"""Making organisations, and letting people in and out. Every change is audited by trigger."""

import base64
import binascii
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone as clock
from django.utils.text import slugify

from housecount.tenancy import notices, sessions
from housecount.tenancy.errors import AlreadyThere, Invalid, InvitationUnusable, LastAdmin
from housecount.tenancy.identity import PEOPLE, Identity, Role, acting_as, become
from housecount.tenancy.models import Invitation, Membership, Organisation, User

INVITATION_DAYS = 7


def create_organisation(
    name: str,
    *,
    slug: str | None = None,
    timezone: str = "Australia/Sydney",
    currency: str = "AUD",
    country: str = "AU",
) -> Organisation:
    """A new organisation, in a transaction of its own, as `system`.

    Without `slug` one is made from the name, with a number when it is taken. Raises Invalid, naming the
    value, and AlreadyThere for a given slug that is taken.
    """
    name = name.strip()
    wanted = slug if slug is not None else (slugify(name)[:70].strip("-") or "organisation")
    candidates = [wanted] if slug is not None else [wanted, *(f"{wanted}-{n}" for n in range(2, 100))]
    for candidate in candidates:
        organisation = Organisation(
            name=name,
            slug=candidate,
            timezone=timezone,
            currency=currency.upper(),
            country=country.upper(),
        )
        _validate(organisation)
        try:
            with acting_as(Identity.system(organisation.pk)):
                organisation.save(force_insert=True)
        except IntegrityError:
            continue
        return organisation
    raise AlreadyThere(f"There is already an organisation “{wanted}”. Choose another --slug.")


def _validate(organisation: Organisation) -> None:
    try:
        organisation.clean_fields()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(f"{field}: {messages[0]}") from None


def check_email(email: str) -> str:
    """The address in lower case. Raises Invalid."""
    email = email.strip().lower()
    try:
        validate_email(email)
        if len(email) > 254:
            raise ValidationError("too long")
    except ValidationError:
        raise Invalid("This is not an e-mail address.") from None
    return email


def check_role(role: str) -> Role:
    """The role of that name that a person can hold. Raises Invalid."""
    if role not in PEOPLE:
        raise Invalid(f"A role is one of {', '.join(PEOPLE)}.")
    return Role(role)


def check_password(password: str, user: User | None = None) -> None:
    """Raises Invalid, in words, when the password is too weak."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from None


@dataclass(frozen=True, slots=True)
class NewMember:
    """What `create_user` did: the membership, and whether the user is new too."""

    user: User
    membership: Membership
    is_new_user: bool


def create_user(
    email: str, organisation: Organisation, role: str, *, password: str, name: str = ""
) -> NewMember:
    """A user with a password, and their membership: for commands, in a transaction of its own.

    A user who exists already (in another organisation) joins, and keeps their name and password.
    Raises Invalid (address, role, weak password) and AlreadyThere for a member.
    """
    email, wanted = check_email(email), check_role(role)
    with acting_as(Identity.system(organisation.pk)):
        user = User.objects.filter(email=email).first()
        is_new = user is None
        if user is None:
            check_password(password, User(email=email, name=name))
            user = User.objects.create_user(email, password, name=name)
        return NewMember(user, _join(organisation.pk, user, wanted), is_new)


def _join(organisation_id: uuid.UUID, user: User, role: Role) -> Membership:
    try:
        with transaction.atomic():
            return Membership.objects.create(organisation_id=organisation_id, user=user, role=role.value)
    except IntegrityError:
        raise AlreadyThere("This person is a member of the organisation already.") from None


def invite(
    organisation_id: uuid.UUID, email: str, role: str, invited_by: User | None
) -> tuple[Invitation, str]:
    """An invitation and its token, which is kept nowhere; as an admin or `system` of the organisation.

    An earlier open invitation of the same address is withdrawn. The token is for the link
    `/invitation/<token>/`. Raises Invalid.
    """
    email, wanted = check_email(email), check_role(role)
    token = base64.urlsafe_b64encode(organisation_id.bytes + secrets.token_bytes(32)).decode().rstrip("=")
    with transaction.atomic():
        Invitation.objects.filter(organisation_id=organisation_id, email=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            organisation_id=organisation_id,
            email=email,
            role=wanted.value,
            token_hash=_token_hash(token),
            expires_at=clock.now() + timedelta(days=INVITATION_DAYS),
            invited_by=invited_by,
        )
    return invitation, token


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _organisation_of(token: str) -> uuid.UUID:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise InvitationUnusable from None
    if len(raw) != 48:
        raise InvitationUnusable
    return uuid.UUID(bytes=raw[:16])


@dataclass(frozen=True, slots=True)
class Offer:
    """An invitation as its holder sees it."""

    organisation: Organisation
    email: str
    role: Role
    has_account: bool


def offer(token: str) -> Offer:
    """What the holder of `token` is invited to; needs no identity. Raises InvitationUnusable."""
    organisation_id = _organisation_of(token)
    with acting_as(Identity.system(organisation_id)):
        invitation = _usable(organisation_id, token)
        return Offer(
            invitation.organisation,
            invitation.email,
            Role(invitation.role),
            User.objects.filter(email=invitation.email).exists(),
        )


def _usable(organisation_id: uuid.UUID, token: str, *, lock: bool = False) -> Invitation:
    invitations = Invitation.objects.select_related("organisation").filter(
        organisation_id=organisation_id,
        token_hash=_token_hash(token),
        accepted_at=None,
        expires_at__gt=clock.now(),
    )
    found = (invitations.select_for_update(of=("self",)) if lock else invitations).first()
    if found is None:
        raise InvitationUnusable
    return found


def accept(token: str, *, name: str = "", password: str = "") -> NewMember:
    """Join by invitation; needs no identity, for the token is the proof. It can be used once.

    Who has no account gets one, with `name` and `password`; who has one keeps theirs. Raises
    InvitationUnusable, and Invalid for a weak password.
    """
    organisation_id = _organisation_of(token)
    with acting_as(Identity.system(organisation_id)):
        invitation = _usable(organisation_id, token, lock=True)
        user = User.objects.filter(email=invitation.email).first()
        is_new = user is None
        if user is None:
            check_password(password, User(email=invitation.email, name=name))
            user = User.objects.create_user(invitation.email, password, name=name.strip()[:200])
        become(Identity(Role.SYSTEM, organisation_id, user.pk))  # so that the audit log says who joined
        invitation.accepted_at = clock.now()
        invitation.save(update_fields=["accepted_at"])
        membership = Membership.objects.filter(organisation_id=organisation_id, user=user).first()
        return NewMember(user, membership or _join(organisation_id, user, Role(invitation.role)), is_new)


def change_role(membership: Membership, role: str) -> Membership:
    """Give a member another role; as an admin or `system`. They sign in again, so that nothing of the former role
    goes on. Raises Invalid and LastAdmin."""
    wanted = check_role(role)
    with transaction.atomic():
        _keep_an_admin(membership, leaving=wanted is not Role.ADMIN)
        if membership.role != wanted.value:
            membership.role = wanted.value
            membership.save(update_fields=["role"])
            sessions.end_all(membership.user_id)
    return membership


def remove_member(membership: Membership) -> None:
    """End a membership; as an admin or `system`. The user stays. Raises LastAdmin."""
    with transaction.atomic():
        _keep_an_admin(membership, leaving=True)
        membership.delete()
        sessions.end_all(membership.user_id)


def _keep_an_admin(membership: Membership, *, leaving: bool) -> None:
    # The lock makes two admins who remove each other wait for one another.
    Organisation.objects.select_for_update().get(pk=membership.organisation_id)
    admins = Membership.objects.filter(
        organisation_id=membership.organisation_id, role=Role.ADMIN, user__is_active=True
    )
    is_admin = admins.filter(pk=membership.pk).exists()
    if leaving and is_admin and not admins.exclude(pk=membership.pk).exists():
        raise LastAdmin


def generated_password() -> str:
    """A password no rule refuses, for a person to be told once: 20 characters, over 100 bits."""
    return base64.b32encode(secrets.token_bytes(13)).decode().rstrip("=").lower()[:20]


def change_organisation(
    organisation: Organisation, *, name: str, timezone: str, currency: str, country: str
) -> Organisation:
    """The organisation with these facts; as an admin or `system` of it. Its slug stays: commands and addresses name
    it. Whether its currency may change is the caller's to know. Raises Invalid, naming the value."""
    changed = Organisation(
        pk=organisation.pk,
        name=" ".join(name.split()),
        slug=organisation.slug,
        timezone=timezone.strip(),
        currency=currency.strip().upper(),
        country=country.strip().upper(),
        created_at=organisation.created_at,
    )
    _validate(changed)
    changed.save(force_update=True, update_fields=["name", "timezone", "currency", "country"])
    return changed


def renew_invitation(invitation: Invitation, invited_by: User | None) -> tuple[Invitation, str]:
    """A new invitation of the same address in the same role, and its token, as `invite`; the one before ends."""
    return invite(invitation.organisation_id, invitation.email, invitation.role, invited_by)


def revoke_invitation(invitation: Invitation) -> None:
    """End an invitation that was not accepted: its link opens nothing any more. As an admin or `system`."""
    invitation.delete()


def set_operator(email: str, *, operator: bool) -> User:
    """The user with this address, who from now on operates the installation or does not: for commands, in a
    transaction of its own. Raises Invalid when there is no such user."""
    with acting_as(Identity.system()):
        user = User.objects.filter(email=check_email(email)).first()
        if user is None:
            raise Invalid("Nobody signs in with this address: housecount user create makes a user first.")
        user.is_staff = operator
        user.save(update_fields=["is_staff"])
    return user


def forget_second_factor(email: str) -> User:
    """The user with this address, whose second factor and recovery codes are gone, and every session: for commands, in
    a transaction of its own. Raises Invalid when there is no such user, or nothing to forget."""
    from allauth.mfa.models import Authenticator

    with acting_as(Identity.system()):
        user = User.objects.filter(email=check_email(email)).first()
        if user is None:
            raise Invalid("Nobody signs in with this address: housecount user create makes a user first.")
        if not Authenticator.objects.filter(user_id=user.pk).delete()[0]:
            raise Invalid("They sign in by password alone already.")
        sessions.end_all(user.pk)
    notices.tell(user, notices.FACTOR_FORGOTTEN)
    return user
