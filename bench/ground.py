"""What the benchmarks stand on: a database of their own, as safe as in production, that is thrown away."""

import atexit
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

#: When the shows of `listings` begin; a fixed day, so that every run writes the same rows.
FIRST_SHOW = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
_PREFIXES = ("HOUSECOUNT_", "HUMANITIX_", "EVENTBRITE_", "XERO_", "DATABASE_")


def prepare() -> Path:
    """Starts an embedded server in a temporary directory, with fsync, migrated; its home.

    Server and directory are gone when the process ends. Nothing of the surroundings is used.
    """
    for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="housecount-bench-"))
    # Registered before the server's own farewell, so called after it.
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["HOUSECOUNT_HOME"] = str(home)

    from housecount.installation import environment, files, setup

    files.ensure_home(home)
    environment.load.cache_clear()
    setup.set_up_django()
    from housecount.cli.migrate import run as migrate

    migrate(lambda _: None)
    atexit.register(_remove_server_directory)
    return home


def _remove_server_directory() -> None:
    """As root, with a closed temporary directory, the server keeps its data outside the home."""
    from housecount.installation import database

    server = database.server()
    if server is not None:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


def superuser_url() -> str:
    """Where the server's superuser connects: past every wall, which is what a raw load is measured with."""
    from housecount.installation import database
    from housecount.installation.cluster import SUPERUSER
    from housecount.installation.postgres import DATABASE

    server = database.server()
    assert server is not None
    return server.url(SUPERUSER, DATABASE)


def make_organisation() -> tuple[UUID, str]:
    """A new organisation: its id and slug."""
    from housecount.tenancy import services

    slug = f"bench-{uuid4().hex[:12]}"
    return services.create_organisation(f"Bench {slug}", slug=slug).pk, slug


def make_account(organisation_id: UUID, platform: str = "eventbrite") -> UUID:
    """A new account that no platform ever heard of."""
    from housecount.box_office.models import Account
    from housecount.tenancy import crypto
    from housecount.tenancy.identity import Identity, acting_as

    secret = uuid4().hex
    with acting_as(Identity.system(organisation_id)):
        return Account.objects.create(
            organisation_id=organisation_id,
            platform=platform,
            name=f"{platform} account",
            credential=crypto.encrypt(secret),
            fingerprint=crypto.fingerprint(secret),
            organisation_ids=["300000000001"],
            regions=[""],
        ).pk


def make_shows(organisation_id: UUID, account_id: UUID, event_ids: list[str]) -> None:
    """One show a day, each with one listing and one ticket type."""
    from housecount.box_office import catalogue
    from housecount.box_office.ledger import AccountKey
    from housecount.platforms.base.records import Event, Listing, TicketType
    from housecount.tenancy.identity import Identity, acting_as

    events = []
    for day, event_id in enumerate(event_ids):
        starts_at = FIRST_SHOW + timedelta(days=day)
        listing = Listing(
            event_id=event_id,
            title=f"Night {day + 1} of laughs",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
            timezone="Australia/Melbourne",
            currency="AUD",
            capacity=400,
            venue_name="The Velvet Room",
            venue_city="Melbourne",
            venue_country="AU",
        )
        kind = TicketType(
            external_id=f"{event_id}1",
            event_id=event_id,
            name="General admission",
            price=3000,
            quantity=400,
            currency="AUD",
        )
        events.append(
            Event(external_id=event_id, listings=(listing,), ticket_types=(kind,), raw=event_id.encode())
        )
    with acting_as(Identity.system(organisation_id)):
        catalogue.store_events(AccountKey(organisation_id, account_id), events, FIRST_SHOW)
