"""What has to be right about an installation, one sentence per thing: its database, its queue, its keys, its disk.

Floors above add checks of their own: modules with a list `CHECKS` of functions without arguments that yield
(name, state, sentence).
"""

import datetime
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from housecount.core.errors import HousecountError
from housecount.installation import database, environment, migrations, roles
from housecount.installation.environment import Environment
from housecount.installation.roles import Connection

#: What the first finding is called; when it fails, nothing else can be said.
DATABASE = "database"
_MOST_CLOCK_SECONDS = 2.0
_OLD_JOB_MINUTES = 15
_LITTLE_SPACE_BYTES = 1_000_000_000


class State(StrEnum):
    """How a thing is: in order, worth a look, or wrong."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What a check has to say; `sentence` also tells what to do when the state is not OK."""

    name: str
    state: State
    sentence: str


Check = Callable[[], Iterable[tuple[str, str, str]]]


def examine(more: Sequence[Check] = ()) -> Iterable[Finding]:
    """All checks in order, then those of `more`; what cannot be checked because of something before it is left out."""
    try:
        found = environment.load()
        connection = database.connect(database.application_url())
    except HousecountError as error:
        yield Finding(DATABASE, State.FAIL, error.message)
        return
    with connection:
        for check in (_version, _migrations, _switch, _two_roles, _walls, _queue, _clock):
            yield from guarded(check.__name__.strip("_").replace("_", " "), partial(check, connection))
    yield from _keys(found)
    yield from _space(found)
    for each in more:
        yield from guarded(each.__name__.replace("_", " "), partial(_as_findings, each))


def _as_findings(check: Check) -> Iterable[Finding]:
    return [Finding(name, State(state), sentence) for name, state, sentence in check()]


def guarded(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds. One that breaks must not hide the others."""
    try:
        return list(check())
    except HousecountError as error:
        return [Finding(name, State.FAIL, error.message)]
    except Exception as error:  # noqa: BLE001 - see above
        return [Finding(name, State.FAIL, f"could not be checked ({type(error).__name__}).")]


def _version(connection: Connection) -> Iterable[Finding]:
    version = connection.info.server_version
    where = "the embedded server" if environment.load().embedded else "DATABASE_URL"
    state = State.OK if version >= 150000 else State.FAIL
    needed = "" if state is State.OK else " Housecount needs 15 or newer."
    yield Finding(
        DATABASE, state, f"PostgreSQL {version // 10000}.{version % 10000} answers ({where}).{needed}"
    )


def _migrations(_: Connection) -> Iterable[Finding]:
    if migrations.behind(database.application_url()):
        yield Finding("migrations", State.FAIL, "tables are missing: run housecount migrate.")
    else:
        yield Finding("migrations", State.OK, "the database is at this version.")


def _switch(connection: Connection) -> Iterable[Finding]:
    with connection.transaction():
        row = connection.execute(
            "SELECT set_config('role', %s, true), (SELECT rolsuper OR rolbypassrls FROM pg_roles"
            " WHERE rolname = %s)",
            [roles.APP, roles.APP],
        ).fetchone()
    if row and row[1]:
        yield Finding(
            "application role",
            State.FAIL,
            f"{roles.APP} may bypass the walls: ALTER ROLE {roles.APP} NOBYPASSRLS.",
        )
    else:
        yield Finding(
            "application role", State.OK, "each transaction can switch to it, and it bypasses nothing."
        )


def _two_roles(connection: Connection) -> Iterable[Finding]:
    row = connection.execute(
        "SELECT session_user::text, (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user),"
        " EXISTS (SELECT 1 FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        "  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND r.rolname = session_user)"
    ).fetchone()
    assert row is not None
    name, bypasses, owns = row
    if bypasses:
        yield Finding(
            "login role",
            State.WARN,
            f"'{name}' may bypass row-level security; the walls then rest on each transaction's switch of role. "
            "Use a login of its own in DATABASE_URL, and this one in DATABASE_OWNER_URL only.",
        )
    elif owns:
        yield Finding(
            "login role",
            State.WARN,
            f"'{name}' owns the tables it uses. The walls would be thicker with two: a login that owns nothing in "
            "DATABASE_URL, and the owner in DATABASE_OWNER_URL.",
        )
    else:
        yield Finding("login role", State.OK, "the login owns nothing and bypasses nothing.")


def _walls(connection: Connection) -> Iterable[Finding]:
    rows = connection.execute(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND a.attname = 'organisation_id' AND NOT a.attisdropped"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
    ).fetchall()
    if rows:
        open_tables = ", ".join(str(name) for (name,) in rows)
        yield Finding(
            "walls", State.FAIL, f"without forced row-level security: {open_tables}. Restore the policies."
        )
    else:
        yield Finding("walls", State.OK, "row-level security is forced on every tenant table.")


def _queue(connection: Connection) -> Iterable[Finding]:
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()),"
        " count(*) FILTER (WHERE status = 'failed'),"
        " extract(epoch FROM now() - min(coalesce(scheduled_at, now())) FILTER (WHERE status = 'todo'))::int / 60,"
        " (SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute')"
        " FROM procrastinate_jobs"
    ).fetchone()
    assert row is not None
    due, failed, oldest, workers = (int(str(value or 0)) for value in row)
    if not workers:
        yield Finding("worker", State.WARN, "no worker runs: start one with housecount worker.")
    else:
        yield Finding("worker", State.OK, "running: it was seen in the last minute.")
    if oldest > _OLD_JOB_MINUTES:
        yield Finding("queue", State.WARN, f"{due} jobs wait, the oldest for {oldest} minutes: add a worker.")
    else:
        tail = f", {failed} failed" if failed else ""
        yield Finding("queue", State.OK, f"{due} jobs due{tail}.")


def _clock(connection: Connection) -> Iterable[Finding]:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    theirs = row[0]
    assert isinstance(theirs, datetime.datetime)
    apart = abs((datetime.datetime.now(datetime.UTC) - theirs).total_seconds())
    if apart > _MOST_CLOCK_SECONDS:
        yield Finding(
            "clock",
            State.FAIL,
            f"this machine and the database are {apart:.0f} s apart: freshness would lie. Run a time service.",
        )
    else:
        yield Finding("clock", State.OK, "this machine and the database agree on the time.")


def _keys(found: Environment) -> Iterable[Finding]:
    count = len(found.encryption_keys)
    where = "kept in HOUSECOUNT_HOME: back that up" if found.embedded else "from the environment"
    yield Finding("keys", State.OK, f"{count} encryption key{'s' if count > 1 else ''}, {where}.")


def _space(found: Environment) -> Iterable[Finding]:
    place = found.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < _LITTLE_SPACE_BYTES:
        yield Finding("disk", State.WARN, f"only {free // 1_000_000} MB are free in {place}.")
    else:
        yield Finding("disk", State.OK, f"{free // 1_000_000_000} GB are free.")
