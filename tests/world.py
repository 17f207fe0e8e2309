"""Invented organisations with invented people in them, for any test that needs somebody to act."""

import uuid
from dataclasses import dataclass

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from housecount.tenancy import services
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Membership, Organisation, User

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    """A member of one organisation."""

    user: User
    membership: Membership
    identity: Identity

    def signed_in(self) -> Client:
        """A client with this person's session."""
        client = Client()
        with acting_as(Identity.nobody(self.user.pk)):
            client.force_login(User.objects.get(pk=self.user.pk))
        return client


@dataclass(frozen=True)
class House:
    """An organisation and one person for each role."""

    organisation: Organisation
    admin: Person
    promoter: Person
    bookkeeper: Person
    act: Person
    marker: str
    """A word that stands in its names and addresses and nowhere else."""

    @property
    def system(self) -> Identity:
        """A job in this organisation."""
        return Identity.system(self.organisation.pk)

    def identity(self, role: Role) -> Identity:
        """Whoever acts in that role here."""
        if role is Role.SYSTEM:
            return self.system
        if role in {Role.NOBODY, Role.INTAKE}:
            return Identity(role)
        person: Person = getattr(self, role.value)
        return person.identity


def make_house() -> House:
    """A new organisation, apart from all others."""
    marker = f"zz{uuid.uuid4().hex[:12]}"
    organisation = services.create_organisation(f"Cellar {marker}")
    people = {role.value: make_person(organisation, role, marker) for role in Role if role in services.PEOPLE}
    return House(organisation, marker=marker, **people)


def make_person(organisation: Organisation, role: Role, marker: str | None = None) -> Person:
    """A new user and their membership."""
    with acting_as(Identity.system(organisation.pk)):
        user = User(
            email=f"{role.value}.{uuid.uuid4().hex[:8]}.{marker or 'x'}@example.com", password=_HASHED
        )
        user.save(force_insert=True)
        membership = Membership.objects.create(organisation=organisation, user=user, role=role.value)
    return Person(user, membership, Identity(role, organisation.pk, user.pk))


class QuickHasher(PBKDF2PasswordHasher):
    """A hash that is quick, which a real one must not be."""

    iterations = 1


_HASHED = QuickHasher().encode(PASSWORD, "salt")
