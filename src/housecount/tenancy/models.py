"""Organisations, people, and how they belong together; who may see a row is decided in `walls`."""

import uuid
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now

from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.zones import zone_names

if TYPE_CHECKING:
    from housecount.tenancy.sessions import SessionStore


def validate_timezone(value: str) -> None:
    """Refuse anything that is not the name of an IANA time zone, such as `Australia/Sydney`."""
    if value not in zone_names():
        raise ValidationError(
            "“%(value)s” is not a time zone. Use a name such as Australia/Sydney or Pacific/Auckland.",
            code="timezone",
            params={"value": value},
        )


class UserManager(BaseUserManager["User"]):
    """Users are found by e-mail address, whatever its case."""

    def create_user(
        self, email: str, password: str | None = None, *, name: str = "", is_staff: bool = False
    ) -> "User":
        """A new user; without a password nobody can sign in as them until they set one."""
        user = self.model(email=email.strip().lower(), name=name, is_staff=is_staff)
        user.set_password(password)
        user.save(using=self._db, force_insert=True)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """The user with this e-mail address; raises User.DoesNotExist."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in. Users are shared by all organisations; memberships are not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True, help_text="Kept in lower case.")
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(
        default=False, help_text="An operator: manages the installation, not a tenant's money."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
        ]

    def clean(self) -> None:
        self.email = self.email.strip().lower()

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. May store it anew under a stronger hash, which only they may do."""
        with acting_as(Identity.nobody(self.pk)):
            return super().check_password(raw_password)

    def get_short_name(self) -> str:
        """What to call this person on a page."""
        return self.name or self.email

    def __str__(self) -> str:
        return f"user {self.pk}"


class Organisation(models.Model):
    """A promoter's business: the tenant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    timezone = models.CharField(max_length=64, default="Australia/Sydney", validators=[validate_timezone])
    currency = models.CharField(
        max_length=3,
        default="AUD",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "A currency is three capital letters, such as AUD.")],
    )
    country = models.CharField(
        max_length=2,
        default="AU",
        validators=[RegexValidator(r"^[A-Z]{2}\Z", "A country is two capital letters, such as AU.")],
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    second_factor_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="From then on members need a second factor here; NULL: each decides for themselves.",
    )

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


ROLE_CHOICES = [
    (Role.ADMIN.value, "Admin"),
    (Role.PROMOTER.value, "Promoter"),
    (Role.BOOKKEEPER.value, "Bookkeeper"),
    (Role.ACT.value, "Act"),
]


class Membership(models.Model):
    """A person's one role in an organisation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=[value for value, _ in ROLE_CHOICES]), name="membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id} of {self.organisation_id}"


class Invitation(models.Model):
    """An offer to join, sent by mail. Only a hash of its token is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)
    token_hash = models.BinaryField(unique=True, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="invitation_email_lower_case"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[value for value, _ in ROLE_CHOICES]), name="invitation_role"
            ),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class AuditEntry(models.Model):
    """One change of one row, written by a trigger; never changed or deleted, by anyone."""

    id = models.BigAutoField(primary_key=True)
    organisation_id = models.UUIDField(null=True)
    table = models.CharField(max_length=63)
    row_id = models.TextField()
    action = models.CharField(max_length=6, help_text="INSERT, UPDATE or DELETE")
    actor_user_id = models.UUIDField(null=True)
    actor_role = models.CharField(max_length=16)
    actor_token_id = models.UUIDField(null=True, help_text="The API token that spoke for the person.")
    at = models.DateTimeField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation_id", "-id"], name="audit_by_organisation"),
            models.Index(fields=["table", "row_id"], name="audit_by_row"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.table} {self.row_id}"


class ApiToken(models.Model):
    """What a program signs in to the API with. Only a hash of it is kept; `prefix` is how people tell it apart.

    It acts for `created_by`, in `role`, which is at most that person's own, and for what `scopes` name. It stops
    when it expires, is revoked, or when its person leaves the organisation or holds less than `role`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="api_tokens")
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    token_hash = models.BinaryField(unique=True, editable=False)
    role = models.CharField(max_length=16, choices=ROLE_CHOICES)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True, help_text="Written at most once a minute.")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "tenancy_api_token"
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=[value for value, _ in ROLE_CHOICES]), name="api_token_role"
            ),
        ]

    def __str__(self) -> str:
        return f"API token {self.pk}"


class ApiTokenUse(models.Model):
    """How many requests a token has made in its current minute: shared by all processes, lost with a crash."""

    token = models.OneToOneField(ApiToken, on_delete=models.CASCADE, primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    began_at = models.DateTimeField()
    used = models.PositiveIntegerField()

    class Meta:
        db_table = "tenancy_api_token_use"

    def __str__(self) -> str:
        return f"use of API token {self.token_id}"


class ApiAnswer(models.Model):
    """The answer to a write with an `Idempotency-Key`, kept so that the same request is answered the same again.

    `principal` is the token or, without one, the person who asked; `request_hash` is that of method, address and
    body. `status` is NULL until the first request is done, which only its own transaction sees.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    principal = models.UUIDField()
    key = models.CharField(max_length=100)
    request_hash = models.BinaryField()
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    content = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "tenancy_api_answer"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "principal", "key"], name="answered_once"),
        ]
        indexes = [models.Index(fields=["organisation", "created_at"], name="api_answer_by_age")]

    def __str__(self) -> str:
        return f"answer {self.pk}"


class Session(AbstractBaseSession):
    """Somebody's browser that is signed in, or may come to be. No address of the network is kept.

    `device` is what the browser calls itself, in words; `seen_at` is written at most every few minutes.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sessions")
    device = models.CharField(max_length=80, blank=True)
    signed_in_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "tenancy_session"
        indexes = [models.Index(fields=["user"], name="session_by_user")]

    @classmethod
    def get_session_store_class(cls) -> "type[SessionStore]":
        """What reads and writes them."""
        from housecount.tenancy.sessions import SessionStore

        return SessionStore

    def __str__(self) -> str:
        return f"session of {self.user_id}"
