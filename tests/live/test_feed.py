"""The change feed: what is told of, when it is numbered, and who sees it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from housecount.box_office import matching
from housecount.box_office.models import Account, AccountState, Appearance, Listing, Show
from housecount.invoices import services as books
from housecount.live import services, tasks
from housecount.live.errors import CursorTooOld
from housecount.live.models import Changed, Counter
from housecount.live.queries import changes_since, latest
from housecount.live.triggers import CHANNEL
from housecount.tenancy.identity import Identity, acting_as
from tests.box_office.book import Book
from tests.factories import make_account, make_order, make_organisation, make_ticket
from tests.live.follower import Follower
from tests.world import House, make_house


def show_of(listing_id: UUID) -> UUID:
    return Listing.objects.get(pk=listing_id).show_id


def test_an_order_tells_of_itself_its_listing_and_its_show_once_and_nothing_new_of_nothing() -> None:
    book = Book()
    follower = Follower(book.key.organisation_id)
    listing_id = book.listing_of("e1", "")
    with acting_as(book.identity):
        show_id = show_of(listing_id)
    order = make_order("o1", [make_ticket("t1", "o1"), make_ticket("t2", "o1")])
    order_id = f"{book.key.account_id}/o1"
    book.read(order)
    sold = {("listing", str(listing_id), False), ("show", str(show_id), False)}
    assert follower.told() == {("order", order_id, False), *sold}
    book.read(order)
    assert follower.told() == set()
    assert follower.cursor == follower.latest()
    book.gone(["o1"], {})
    assert follower.told() == {("order", order_id, True), *sold}


def test_what_is_rolled_back_is_not_told_and_leaves_no_gap() -> None:
    organisation_id = make_organisation()
    account_id = make_account(organisation_id)
    follower = Follower(organisation_id)

    def rename(name: str) -> None:
        Account.objects.filter(organisation_id=organisation_id, pk=account_id).update(name=name)

    with acting_as(Identity.system(organisation_id)):
        rename("whole")
        transaction.set_rollback(True)
    assert follower.latest() == follower.cursor
    with acting_as(Identity.system(organisation_id)):
        with transaction.atomic():
            rename("in part")
            transaction.set_rollback(True)
        assert latest(organisation_id) == follower.cursor, "numbered before the commit"
    assert follower.latest() == follower.cursor, "told of what a savepoint undid"
    with acting_as(Identity.system(organisation_id)):
        with transaction.atomic():
            rename("undone")
            transaction.set_rollback(True)
        rename("kept")
        with transaction.atomic():
            rename("kept twice")
    [change] = follower.read()
    assert (change.kind, change.id, change.removed) == ("account", str(account_id), False)
    # Whoever has the deferred work done early and then goes on is numbered again.
    before = follower.cursor
    with acting_as(Identity.system(organisation_id)):
        rename("early")
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.cursor().execute("SET CONSTRAINTS ALL DEFERRED")
        rename("late")
    assert [each.sequence for each in follower.read()] == [before + 1, before + 2]


def test_every_thing_has_a_number_and_a_page_may_end_anywhere() -> None:
    book = Book()
    follower = Follower(book.key.organisation_id)
    start = follower.cursor
    count = 1_203
    book.read(*(make_order(f"o{n}", [make_ticket(f"t{n}", f"o{n}")]) for n in range(count)))
    whole = []
    while changes := follower.read(limit=499):
        assert len(changes) == min(499, count + 2 - len(whole))
        whole += changes
    assert [each.sequence for each in whole] == list(range(start + 1, start + count + 3))
    assert {each.id for each in whole if each.kind == "order"} == {
        f"{book.key.account_id}/o{n}" for n in range(count)
    }
    assert follower.cursor == follower.latest()
    with acting_as(book.identity):
        assert max(Changed.objects.values_list("ids__len", flat=True)) == 500
        for cursor in (start, start + 1, start + 499, start + 777, start + count + 2):
            again, after = changes_since(book.key.organisation_id, cursor, 3)
            expected = whole[cursor - start : cursor - start + 3]
            assert [each[:4] for each in again] == [each[:4] for each in expected]
            assert after == (expected[-1].sequence if expected else cursor)


def test_listings_that_move_tell_of_both_shows_and_a_merged_show_is_removed() -> None:
    book = Book("s1", "s2")
    follower = Follower(book.key.organisation_id)
    with acting_as(book.identity):
        first, second = (
            Listing.objects.select_related("show").get(pk=book.listing_of("e1", s)) for s in ("s1", "s2")
        )
        left, stays = second.show, first.show
        matching.link(second, stays)
    told = follower.told()
    assert told == {
        ("listing", str(second.pk), False), ("show", str(stays.pk), False), ("show", str(left.pk), True)
    }  # fmt: skip
    with acting_as(book.identity):
        apart = matching.unlink(Listing.objects.select_related("show").get(pk=second.pk))
    assert follower.told() == {
        ("listing", str(second.pk), False), ("show", str(stays.pk), False), ("show", str(apart.pk), False)
    }  # fmt: skip
    with acting_as(book.identity):
        Listing.objects.filter(pk=second.pk).update(gone_at=datetime.now(UTC))
    assert ("listing", str(second.pk), True) in follower.told()


def test_acts_accounts_and_suggestions_are_told_of() -> None:
    house = make_house()
    book = Book(organisation_id=house.organisation.pk)
    listing_id = book.listing_of("e1", "")
    follower = Follower(house.organisation.pk)
    with acting_as(book.identity):
        show_id = show_of(listing_id)
        row = Appearance.objects.create(
            organisation=house.organisation, show_id=show_id, membership=house.act.membership
        )
    assert follower.told() == {("show", str(show_id), False)}
    with acting_as(house.promoter.identity):
        row.delete()
    assert follower.told() == {("show", str(show_id), False)}
    with acting_as(book.identity):
        Account.objects.filter(pk=book.key.account_id).update(state=AccountState.STOPPED)
    assert follower.told() == {("account", str(book.key.account_id), False)}


REGISTERED = {"gst_registered_from": "2020-07-01", "country": "AU", "address": ["1 Laugh Lane"]}


def keep_books(house: House) -> dict[str, object]:
    """The house's own identity and a party; the JSON of an invoice to it."""
    organisation_id = house.organisation.pk
    own = {"name": "Cellar", "kind": "company", "abn": "53004085616", "self": True}
    books.create_party(organisation_id, own | REGISTERED)
    party = books.create_party(organisation_id, {"name": "The Bar", "kind": "company"} | REGISTERED)
    line = {"description": "Set", "unit_price": 50000, "tax": "taxable"}
    return {"kind": "invoice", "party": str(party.pk), "issue_date": "2026-11-27", "lines": [line, line]}


def test_documents_and_parties_are_told_of_and_a_deleted_draft_is_removed() -> None:
    house = make_house()
    organisation_id, now = house.organisation.pk, datetime(2026, 11, 27, 1, tzinfo=UTC)
    with acting_as(house.bookkeeper.identity):
        data = keep_books(house)
    follower = Follower(organisation_id)
    with acting_as(house.bookkeeper.identity):
        [document] = books.create_documents(organisation_id, data)
    about = ("document", str(document.pk), False)
    assert follower.told() == {about}
    with acting_as(house.bookkeeper.identity):
        books.issue_one(document.pk, None, now)
    assert follower.told() == {about}
    with acting_as(house.bookkeeper.identity):
        books.pay(document.pk, 10000, now.date())
    assert follower.told() == {about, ("party", str(data["party"]), False)}
    with acting_as(house.bookkeeper.identity):
        note = books.credit(document.pk, None, None, now)
    assert follower.told() >= {about, ("document", str(note.pk), False)}
    with acting_as(house.bookkeeper.identity):
        [draft] = books.create_documents(organisation_id, data)
        books.delete(draft.pk)
    assert follower.told() == {("document", str(draft.pk), True)}


def test_a_cursor_that_is_too_old_or_from_elsewhere_is_refused() -> None:
    organisation_id = make_organisation()
    identity = Identity.system(organisation_id)
    follower = Follower(organisation_id)
    assert (follower.cursor, follower.read()) == (0, [])
    accounts = [make_account(organisation_id) for _ in range(3)]
    with acting_as(identity):
        assert [each.id for each in changes_since(organisation_id, 0)[0]] == [str(each) for each in accounts]
        at = list(Changed.objects.order_by("sequence").values_list("at", flat=True))
        assert services.forget(at[1]) == 1
    with acting_as(identity):
        with pytest.raises(CursorTooOld) as refused:
            changes_since(organisation_id, 0)
        assert refused.value.http_status == 410
        assert [each.sequence for each in changes_since(organisation_id, 1)[0]] == [2, 3]
        with pytest.raises(CursorTooOld):
            changes_since(organisation_id, 4)
    make_organisation()
    asyncio.run(tasks.forget_old(datetime.now(UTC) + services.KEPT + timedelta(minutes=1)))
    with acting_as(identity):
        assert not Changed.objects.exists()
        assert changes_since(organisation_id, 3) == ([], 3)
        assert Counter.objects.get().forgotten == 3
    make_account(organisation_id)
    follower.cursor = 3
    assert [each.sequence for each in follower.read()] == [4]


def test_only_the_office_sees_it_and_only_the_numbering_writes(
    database_url: str, owner_connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    house, other = make_house(), make_house()
    for each in (house, other):
        make_account(each.organisation.pk)
    for person in (house.admin, house.promoter, house.bookkeeper):
        with acting_as(person.identity):
            changes, _ = changes_since(house.organisation.pk, 0)
            assert changes
            assert latest(house.organisation.pk) == changes[-1].sequence
            assert (changes_since(other.organisation.pk, 0), latest(other.organisation.pk)) == (([], 0), 0)
    with acting_as(house.act.identity):
        assert (changes_since(house.organisation.pk, 0), latest(house.organisation.pk)) == (([], 0), 0)
    for identity in (house.admin.identity, house.system):
        for sql in (
            "DELETE FROM live_change", "UPDATE live_counter SET last = 0", "SELECT FROM app.live_pending",
            "INSERT INTO app.live_pending (kind) VALUES ('close')", "SELECT app.close_changes()",
        ):  # fmt: skip
            with pytest.raises(Exception, match="permission denied"), acting_as(identity):
                connection.cursor().execute(sql)
    with pytest.raises(Exception, match="only the engine forgets"), acting_as(house.admin.identity):
        services.forget(datetime.now(UTC))
    assert owner_connection.execute("SELECT count(*) FROM app.live_pending").fetchone() == (0,)


def test_whoever_listens_is_told_which_organisation_once_for_each_commit(database_url: str) -> None:
    book = Book()
    organisation_id = str(book.key.organisation_id)
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}".encode())
        book.read(make_order("o1", [make_ticket("t1", "o1")]))
        heard = [each.payload for each in listener.notifies(timeout=5, stop_after=1)]
        assert heard == [organisation_id]
        book.read(make_order("o1", [make_ticket("t1", "o1")]))
        with acting_as(book.identity):
            Show.objects.filter(organisation_id=book.key.organisation_id).update(capacity=7)
        heard = [each.payload for each in listener.notifies(timeout=5, stop_after=1)]
        assert heard + [each.payload for each in listener.notifies(timeout=0)] == [organisation_id]
