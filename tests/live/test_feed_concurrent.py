"""The change feed while many write at once: every committed change once, in the order of commits, without a gap."""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from threading import Barrier, Event
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection, connections, transaction

from housecount.box_office.models import Account
from housecount.invoices import services as books
from housecount.invoices.models import Document
from housecount.live.queries import Change
from housecount.tenancy.identity import Identity, acting_as
from tests.box_office.book import Book
from tests.factories import make_account, make_order, make_organisation, make_ticket
from tests.live.follower import Follower
from tests.live.test_feed import keep_books
from tests.world import make_house

WRITERS = 5
TRANSACTIONS = 25


class Committed(NamedTuple):
    """A transaction that was kept: when it began and had ended, and the ids it added to each organisation."""

    began: float
    ended: float
    added: dict[UUID, list[str]]


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads whose connections are closed at the end."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        finally:
            # Nobody passes before all are there: every thread gets one.
            together = Barrier(count, timeout=30)
            for each in [pool.submit(_close, together) for _ in range(count)]:
                each.result()


def _close(together: Barrier) -> None:
    connections.close_all()
    together.wait()


def write(organisations: Sequence[UUID], seed: int) -> list[Committed]:
    """Transactions that add accounts to one or two organisations; some are undone, in whole or in part."""
    random = Random(seed)
    kept = []
    for _ in range(TRANSACTIONS):
        owners = random.sample(organisations, random.choice([1, 1, 2]))
        undone = random.random() < 0.2
        added: dict[UUID, list[str]] = defaultdict(list)
        began = time.perf_counter()
        with acting_as(Identity.system(owners[0])):
            for owner in owners:
                with acting_as(Identity.system(owner)):
                    for _ in range(random.choice([1, 1, 2, 5])):
                        added[owner] += _add(owner, undone=random.random() < 0.2)
            if random.random() < 0.3:
                connection.cursor().execute("SELECT pg_sleep(%s)", [random.random() / 100])
            transaction.set_rollback(undone)
        if not undone:
            kept.append(Committed(began, time.perf_counter(), added))
    return kept


def _add(owner: UUID, *, undone: bool) -> list[str]:
    account_id = uuid4()
    with transaction.atomic():
        Account.objects.create(pk=account_id, organisation_id=owner, platform="humanitix", name="x")
        if undone:
            transaction.set_rollback(True)
    return [] if undone else [str(account_id)]


def follow(follower: Follower, done: Event, seed: int) -> list[Change]:
    """Everything that a follower reads in pages of random length until `done`, and what is left then."""
    random = Random(seed)
    seen: list[Change] = []
    while True:
        last = done.is_set()
        before = follower.cursor
        changes = follower.read(limit=random.choice([1, 2, 7, 1000]))
        assert [each.sequence for each in changes] == list(range(before + 1, before + 1 + len(changes)))
        seen += changes
        if last and not changes:
            return seen


def test_who_follows_by_cursor_misses_nothing_and_sees_nothing_twice() -> None:
    organisations = [make_organisation() for _ in range(3)]
    followers = [Follower(each) for each in organisations]
    done = Event()
    with threads(WRITERS + len(followers)) as pool:
        reading = [pool.submit(follow, each, done, n) for n, each in enumerate(followers)]
        writing = [pool.submit(write, organisations, seed) for seed in range(WRITERS)]
        kept = [each for writer in writing for each in writer.result()]
        done.set()
        seen = {
            each.organisation_id: reader.result() for each, reader in zip(followers, reading, strict=True)
        }
    assert len(kept) > WRITERS * TRANSACTIONS / 2
    for owner, changes in seen.items():
        committed = [id_ for each in kept for id_ in each.added.get(owner, ())]
        assert len(committed) > 30
        assert sorted(each.id for each in changes) == sorted(committed)
        numbers = {each.id: each.sequence for each in changes}
        spans = sorted(
            (each.ended, each.began, [numbers[id_] for id_ in each.added[owner]])
            for each in kept
            if each.added.get(owner)
        )
        for (ended, _, earlier), (_, began, later) in itertools.combinations(spans, 2):
            if ended < began:
                assert max(earlier) < min(later), "what was committed before it began comes before it"


def test_a_commit_that_waits_for_others_does_not_hold_the_counter_meanwhile() -> None:
    """A foreign key is checked at the commit, and waits for whoever has locked the row it names. If the counter were
    taken before that, the two would wait for each other."""
    house = make_house()
    organisation_id = house.organisation.pk
    with acting_as(house.bookkeeper.identity):
        [document] = books.create_documents(organisation_id, keep_books(house))
        books.issue_one(document.pk, None, datetime(2026, 11, 27, tzinfo=UTC))
    accounts = [make_account(organisation_id) for _ in range(2)]
    locked, checking = Event(), Event()

    def lock_then_tell() -> None:
        with acting_as(house.system):
            Document.objects.select_for_update().get(pk=document.pk)
            locked.set()
            checking.wait(10)
            _until_someone_waits()
            Account.objects.filter(pk=accounts[0]).update(name="told")

    def tell_then_check() -> None:
        locked.wait(10)
        with acting_as(house.system):
            Account.objects.filter(pk=accounts[1]).update(name="told")
            connection.cursor().execute(
                "INSERT INTO invoices_event (organisation_id, document_id, what, details) VALUES (%s, %s, 'x', '{}')",
                [organisation_id, document.pk],
            )
            checking.set()

    with threads(2) as pool:
        for each in [pool.submit(lock_then_tell), pool.submit(tell_then_check)]:
            each.result(timeout=30)


def _until_someone_waits() -> None:
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT pg_backend_pid() = ANY(pg_blocking_pids(pid)) FROM pg_locks WHERE NOT granted"
            )
            if any(row[0] for row in cursor.fetchall()):
                return
    raise AssertionError("nobody waits for the row that is locked")


def test_reading_linking_and_issuing_at_once_do_not_block_each_other_for_good() -> None:
    house = make_house()
    organisation_id = house.organisation.pk
    shelves = [Book(organisation_id=organisation_id) for _ in range(2)]
    with acting_as(house.bookkeeper.identity):
        data = keep_books(house)
    follower = Follower(organisation_id)
    issued: list[str] = []

    def store(book: Book) -> None:
        for n in range(25):
            book.read(*(make_order(f"o{n}-{m}", [make_ticket(f"t{n}-{m}", f"o{n}-{m}")]) for m in range(3)))

    def issue() -> None:
        for _ in range(4):
            with acting_as(house.bookkeeper.identity):
                [document] = books.create_documents(organisation_id, data)
                books.issue_one(document.pk, None, datetime(2026, 11, 27, tzinfo=UTC))
                books.pay(document.pk, 1000, datetime(2026, 11, 28, tzinfo=UTC).date())
            issued.append(str(document.pk))

    def rename(book: Book) -> None:
        for n in range(30):
            with acting_as(house.promoter.identity):
                connection.cursor().execute(
                    "UPDATE box_office_listing SET title = %s WHERE organisation_id = %s",
                    [f"title {n}", organisation_id],
                )

    work: list[Callable[[], None]] = [
        lambda: store(shelves[0]), lambda: store(shelves[1]), issue, issue, lambda: rename(shelves[0])
    ]  # fmt: skip
    with threads(len(work)) as pool:
        for each in [pool.submit(each) for each in work]:
            each.result(timeout=60)
    changes = follower.read()
    while more := follower.read():
        changes += more
    told = {(each.kind, each.id) for each in changes}
    assert {("document", each) for each in issued} <= told
    orders = {f"{book.key.account_id}/o{n}-{m}" for book in shelves for n in range(25) for m in range(3)}
    assert orders == {id_ for kind, id_ in told if kind == "order"}
