"""Who a transaction acts for, and the refusal of every statement that acts for nobody in particular.

The database decides what a row may be seen or changed by (`housecount.tenancy.walls`). It decides by three
settings, `app.role`, `app.organisation_id` and `app.user_id`, and they are set here, together with
`app.token_id` for the audit log and the switch to the application's role, in one statement at the start of each
transaction. Every one of them ends
with its transaction, so that a pooling proxy may hand the connection to somebody else after it.

The guard sees what goes through a cursor's `execute` and `executemany`. A cursor's `copy` passes it by: use
it within `acting_as` only, and into a temporary table (PostgreSQL refuses a COPY into one with row security).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from housecount.core.errors import HousecountError, NextStep
from housecount.installation import roles


class Role(StrEnum):
    """What somebody may do. The first four are held by people in an organisation."""

    ADMIN = "admin"
    PROMOTER = "promoter"
    BOOKKEEPER = "bookkeeper"
    ACT = "act"
    SYSTEM = "system"
    """Jobs and commands: everything within one organisation; without one, only the list of organisations and
    what is due in them."""
    INTAKE = "intake"
    """The edge, in no organisation: sees whose a webhook's address is, and adds to the webhook log."""
    NOBODY = "nobody"
    """Before it is known who acts: signing in, signing out, resetting a password."""


PEOPLE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER, Role.ACT)
"""The roles a membership can hold."""


class UnscopedQuery(HousecountError):
    """A statement was about to run without an identity: a mistake in our code, never a person's."""

    code = "unscoped_query"
    http_status = 500
    next_step = NextStep.NEVER


class WorkLost(HousecountError):
    """A statement had failed and its error was swallowed, so that the transaction could not be kept."""

    code = "work_lost"
    http_status = 500
    next_step = NextStep.RETRY


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts: a role, in one organisation (or none), as one person (or none)."""

    role: Role
    organisation_id: UUID | None = None
    user_id: UUID | None = None
    token_id: UUID | None = None
    """The API token that speaks for the person, if one does."""

    @classmethod
    def system(cls, organisation_id: UUID | None = None) -> Self:
        """A job or a command, within `organisation_id`; without it, only the list of organisations."""
        return cls(Role.SYSTEM, organisation_id)

    @classmethod
    def nobody(cls, user_id: UUID | None = None) -> Self:
        """Someone not signed in, or (with `user_id`) signed in but not yet in an organisation."""
        return cls(Role.NOBODY, None, user_id)


@dataclass(slots=True)
class _Scope:
    """What one connection is doing: the identities put on it, innermost last."""

    identities: list[Identity] = field(default_factory=list)
    unscoped: int = 0


# Kept by connection, not by context: a context is copied into other threads, whose connections know
# nothing of the identity; a connection is used by one thread at a time.
_scopes: WeakKeyDictionary[BaseDatabaseWrapper, _Scope] = WeakKeyDictionary()


def _scope(connection: BaseDatabaseWrapper) -> _Scope:
    return _scopes.setdefault(connection, _Scope())


def current_identity(using: str = DEFAULT_DB_ALIAS) -> Identity | None:
    """Who this thread's connection acts for now; None outside `acting_as`."""
    identities = _scope(connections[using]).identities
    return identities[-1] if identities else None


@contextmanager
def acting_as(identity: Identity, using: str = DEFAULT_DB_ALIAS) -> Iterator[Identity]:
    """Run a block in a transaction that acts for `identity`; everything is undone when the block fails.

    Within another transaction it is a savepoint: the identity before comes back at the end, also after
    an error, because PostgreSQL undoes a setting together with the savepoint it was made in.
    """
    connection = connections[using]
    scope = _scope(connection)
    with transaction.atomic(using=using):
        nested = len(connection.savepoint_ids) > 0
        scope.identities.append(identity)
        try:
            _tell_database(connection, identity)
            yield identity
            _refuse_a_lost_transaction(connection)
            if nested:
                before = scope.identities[-2] if len(scope.identities) > 1 else None
                _tell_database(connection, before)
        finally:
            scope.identities.pop()


def become(identity: Identity, using: str = DEFAULT_DB_ALIAS) -> None:
    """Go on as `identity` until the innermost `acting_as` ends: for who is known only after a look-up."""
    scope = _scope(connections[using])
    if not scope.identities:
        raise UnscopedQuery("become(identity) was called outside acting_as(...). Please report this mistake.")
    _tell_database(connections[using], identity)
    scope.identities[-1] = identity


def _refuse_a_lost_transaction(connection: BaseDatabaseWrapper) -> None:
    # PostgreSQL answers the COMMIT of a failed transaction with a silent ROLLBACK.
    driver = None if connection.needs_rollback else connection.connection
    if driver is not None and driver.info.transaction_status == TransactionStatus.INERROR:
        raise WorkLost("Something went wrong on our side and nothing was saved. Please try again.")


@contextmanager
def unscoped(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Let statements through that act for nobody: for migrations and for `doctor`, and nothing else."""
    scope = _scope(connections[using])
    scope.unscoped += 1
    try:
        yield
    finally:
        scope.unscoped -= 1


def _tell_database(connection: BaseDatabaseWrapper, identity: Identity | None) -> None:
    # The time zone is set too: Django sets it once per session, which a pooling proxy does not keep.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('role', %s, true), set_config('app.role', %s, true),"
            " set_config('app.organisation_id', %s, true), set_config('app.user_id', %s, true),"
            " set_config('app.token_id', %s, true), set_config('TimeZone', 'UTC', true)",
            (
                "none" if identity is None else roles.APP,
                "" if identity is None else identity.role.value,
                "" if identity is None or identity.organisation_id is None else str(identity.organisation_id),
                "" if identity is None or identity.user_id is None else str(identity.user_id),
                "" if identity is None or identity.token_id is None else str(identity.token_id),
            ),
        )


_TRANSACTION_CONTROL = re.compile(
    r"\s*(SAVEPOINT|RELEASE\s+SAVEPOINT|ROLLBACK\s+TO\s+SAVEPOINT)\s+[\w\".]+\s*;?\s*", re.IGNORECASE
)


def _guard(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    connection: BaseDatabaseWrapper = context["connection"]
    scope = _scope(connection)
    if (
        (scope.identities and connection.in_atomic_block)
        or scope.unscoped
        or (isinstance(sql, str) and _TRANSACTION_CONTROL.fullmatch(sql))
    ):
        return execute(sql, params, many, context)
    raise UnscopedQuery(
        "Housecount was about to ask the database something without saying for whom, and stopped. "
        "Nothing was read or changed. This is a mistake in Housecount: please report it. "
        "(Code: wrap the work in acting_as(identity).)"
    )


def install_guard(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Put the guard on a connection, once; a receiver of `connection_created`."""
    if connection.vendor == "postgresql" and _guard not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _guard)
