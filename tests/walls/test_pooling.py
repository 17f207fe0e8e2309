"""Behind a transaction-pooling proxy nobody meets what another left behind."""

import random
import threading
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from django.db import connections
from django.db.utils import DataError, ProgrammingError

from housecount.installation import database, roles
from housecount.tenancy.identity import Identity, UnscopedQuery, acting_as, unscoped
from housecount.tenancy.models import Membership, Organisation
from tests.walls.pooling_proxy import Proxy, pooling_proxy
from tests.world import House, make_house

CLIENTS, TRANSACTIONS, SERVERS = 6, 25, 2
ALIAS = "pooled"


@pytest.fixture(scope="module")
def houses(database: str) -> list[House]:
    return [make_house() for _ in range(CLIENTS)]


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with pooling_proxy(database_url, SERVERS) as running:
        url = psycopg.conninfo.make_conninfo(database_url, host="127.0.0.1", port=running.port)
        connections.settings[ALIAS] = connections.configure_settings({"default": {}, ALIAS: as_django(url)})[
            ALIAS
        ]
        try:
            yield running
        finally:
            connections[ALIAS].close()
            del connections.settings[ALIAS]
            del connections[ALIAS]


def as_django(url: str) -> dict[str, object]:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    host, port = parts.pop("host"), parts.pop("port")
    user, name = parts.pop("user"), parts.pop("dbname")
    return database.django_entry(f"postgresql://{user}@{host}:{port}/{name}")


def told() -> tuple[object, ...]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, app.role(), app.organisation_id(), app.user_id(), current_setting('TimeZone')"
        )
        row: tuple[object, ...] = cursor.fetchone()
        return row


def left_behind() -> tuple[object, ...]:
    """What a transaction without an identity finds, on whatever connection it is given."""
    with unscoped(ALIAS), connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, nullif(current_setting('app.role', true), ''),"
            " nullif(current_setting('app.organisation_id', true), ''),"
            " nullif(current_setting('app.user_id', true), '')"
        )
        row: tuple[object, ...] = cursor.fetchone()
        return row


def visit(house: House, choice: random.Random) -> None:
    """One transaction, of one of the ways a request can go."""
    identity = choice.choice([house.admin.identity, house.act.identity, house.system])
    expected = (roles.APP, identity.role.value, identity.organisation_id, identity.user_id, "UTC")
    way = choice.randrange(4)
    if way == 0:
        with pytest.raises(DataError), acting_as(identity, ALIAS), connections[ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1/0")
    elif way == 1:
        with acting_as(identity, ALIAS):
            with acting_as(Identity.system(house.organisation.pk), ALIAS):
                assert Membership.objects.using(ALIAS).count() == 4
            assert told() == expected
    else:
        with acting_as(identity, ALIAS):
            assert told() == expected
            assert list(Organisation.objects.using(ALIAS).values_list("pk", flat=True)) == [
                house.organisation.pk
            ]
            assert told() == expected
    assert left_behind() == (roles.LOGIN, None, None, None)
    with pytest.raises(UnscopedQuery):
        Organisation.objects.using(ALIAS).count()
    with unscoped(ALIAS), pytest.raises(ProgrammingError, match="permission denied"):
        Organisation.objects.using(ALIAS).count()


def test_nobody_meets_anothers_identity(proxy: Proxy, houses: list[House]) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(CLIENTS)

    def client(number: int) -> None:
        try:
            start.wait(timeout=60)
            for transaction in range(TRANSACTIONS):
                visit(houses[number], random.Random(f"{number} {transaction}"))
        except BaseException as error:  # carried over to the test
            failures.append(error)
        finally:
            connections[ALIAS].close()

    threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    for server in proxy.servers:
        assert len(set(server.clients)) == CLIENTS, "the test shows nothing unless connections are shared"
        assert len(server.clients) > TRANSACTIONS


def test_the_proxy_would_show_a_setting_that_outlives_its_transaction(proxy: Proxy) -> None:
    """The test above can fail: what is set for the session does reach somebody else."""
    url = f"host=127.0.0.1 port={proxy.port} user={roles.LOGIN} dbname=any"
    mark = uuid4().hex
    with psycopg.connect(url, autocommit=True) as first, psycopg.connect(url, autocommit=True) as second:
        for _ in range(SERVERS):
            first.execute("SELECT set_config('app.left', %s, false)", [mark], prepare=False)
        assert second.execute("SELECT current_setting('app.left', true)", prepare=False).fetchone() == (mark,)


def test_a_client_that_vanishes_takes_its_identity_along(proxy: Proxy, houses: list[House]) -> None:
    url = f"host=127.0.0.1 port={proxy.port} user={roles.LOGIN} dbname=any"
    for house in houses[: SERVERS + 1]:
        client = psycopg.connect(url)
        client.execute(
            "SELECT set_config('role', %s, true), set_config('app.role', 'admin', true),"
            " set_config('app.organisation_id', %s, true)",
            [roles.APP, str(house.organisation.pk)],
            prepare=False,
        )
        client.close()
    for _ in range(SERVERS + 1):
        assert left_behind() == (roles.LOGIN, None, None, None)
