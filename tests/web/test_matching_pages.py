"""A person decides what belongs together; every decision can be undone and loses nothing."""

from uuid import uuid4

import pytest

from housecount.box_office.models import Listing, Suggestion
from housecount.tenancy.identity import acting_as
from tests.web.stage import Stage, look
from tests.world import make_house


@pytest.fixture
def doubt(stage: Stage) -> tuple[Listing, Listing]:
    """Two listings that may be one show: the same title and start, and venues that do not agree. The second waits."""
    first = stage.put_on("Nadia Quill: Final Hour", sold=2)
    second = stage.put_on("Nadia Quill: Final Hour", platform="humanitix", sold=3, venue="", city="")
    assert first.show_id != second.show_id
    return first, second


def suggestions(stage: Stage) -> list[Suggestion]:
    with acting_as(stage.house.system):
        return list(Suggestion.objects.filter(organisation_id=stage.organisation_id))


def test_a_listing_in_doubt_waits_with_reasons(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    [suggestion] = suggestions(stage)
    page = look(stage.house.promoter, "/to-match/")
    assert "Sync 1 to match" in page.text
    for reason in suggestion.reasons:
        assert reason["sentence"] in page.text
    assert f"{suggestion.score} of 100" in page.text
    assert "Same show" in page.text
    text = look(stage.house.promoter, f"/shows/{second.show_id}/").text
    assert "Is this the same show?" in text
    assert "Is this the same show?" not in look(stage.house.promoter, f"/shows/{first.show_id}/").text


def test_a_bookkeeper_looks_and_does_not_decide(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    page = look(stage.house.bookkeeper, "/to-match/")
    assert "Nadia Quill: Final Hour" in page.text
    assert "Not the same show" not in page.text
    client = stage.house.bookkeeper.signed_in()
    [suggestion] = suggestions(stage)
    for path, data in (
        (f"/listings/{second.pk}/link/", {"show": str(first.show_id)}),
        (f"/listings/{second.pk}/unlink/", {}),
        (f"/suggestions/{suggestion.pk}/decline/", {}),
        (f"/shows/{second.show_id}/merge/", {"show": str(first.show_id)}),
        (f"/shows/{second.show_id}/capacity/", {"capacity": "10"}),
    ):
        assert client.post(path, data).status_code == 403, path
    assert stage.listing(second.event_id).show_id == second.show_id
    look(stage.house.act, "/to-match/", 403)


def test_same_show_and_back(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    before = {show["id"]: show["totals"] for show in stage.document()["shows"]}
    client = stage.house.promoter.signed_in()
    answer = client.post(f"/listings/{second.pk}/link/", {"show": str(first.show_id)}, follow=True)
    assert answer.redirect_chain == [(f"/shows/{first.show_id}/", 302)]
    assert "now counts for" in answer.content.decode()
    assert "Undo" in answer.content.decode()
    [show] = stage.document()["shows"]
    assert show["totals"]["sold"] == 5
    assert stage.listing(second.event_id).linked_by == "person"
    assert not suggestions(stage)
    assert "Nothing waits" in look(stage.house.promoter, "/to-match/").text

    answer = client.post(f"/listings/{second.pk}/unlink/", follow=True)
    assert "a show of its own now" in answer.content.decode()
    after = stage.document()["shows"]
    assert sorted(show["totals"]["gross"] for show in after) == sorted(
        totals["gross"] for totals in before.values()
    )


def test_not_the_same_show(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    [suggestion] = suggestions(stage)
    client = stage.house.admin.signed_in()
    answer = client.post(f"/suggestions/{suggestion.pk}/decline/", {"back": "to-match"}, follow=True)
    assert answer.redirect_chain == [("/to-match/", 302)]
    text = answer.content.decode()
    assert "is not “Nadia Quill: Final Hour”" in text
    assert "Nothing waits" in text
    assert len(stage.document()["shows"]) == 2


def test_merge_moves_every_listing(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    page = look(stage.house.promoter, f"/shows/{second.show_id}/")
    assert "Merge with another show" in page.text
    client = stage.house.promoter.signed_in()
    answer = client.post(f"/shows/{second.show_id}/merge/", {"show": str(first.show_id)}, follow=True)
    assert answer.redirect_chain == [(f"/shows/{first.show_id}/", 302)]
    [show] = stage.document()["shows"]
    assert (show["totals"]["sold"], len(show["listings"])) == (5, 2)
    again = client.post(f"/shows/{second.show_id}/merge/", {"show": str(first.show_id)}, follow=True)
    assert "one show already" in again.content.decode()


def test_a_doubt_follows_the_show_it_is_about(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, _ = doubt
    third = stage.put_on("Something else entirely", days=11, venue="Attic")
    stage.house.admin.signed_in().post(f"/shows/{first.show_id}/merge/", {"show": str(third.show_id)})
    page = look(stage.house.admin, "/to-match/")
    assert f"/shows/{third.show_id}/" in page.links
    assert "Something else entirely" in page.text


def test_a_doubt_that_was_answered_by_merging_is_gone(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    stage.house.admin.signed_in().post(f"/shows/{first.show_id}/merge/", {"show": str(second.show_id)})
    page = look(stage.house.admin, "/to-match/")
    assert "Nothing waits" in page.text
    assert "1 to match" not in page.text


def test_currencies_are_never_mixed(stage: Stage) -> None:
    here = stage.put_on("Here")
    abroad = stage.put_on(
        "Abroad", currency="NZD", venue="Quay", city="Auckland", timezone="Pacific/Auckland"
    )
    answer = stage.house.admin.signed_in().post(
        f"/shows/{here.show_id}/merge/", {"show": str(abroad.show_id)}
    )
    assert answer.status_code == 409
    assert "they cannot be one show" in answer.content.decode()
    assert stage.listing(here.event_id).show_id == here.show_id
    assert "Abroad" not in look(stage.house.admin, f"/shows/{here.show_id}/").text


def test_a_listing_alone_has_nothing_to_unlink(stage: Stage) -> None:
    listing = stage.put_on()
    client = stage.house.admin.signed_in()
    assert "Unlink" not in look(stage.house.admin, f"/shows/{listing.show_id}/").text
    answer = client.post(f"/listings/{listing.pk}/unlink/", follow=True)
    assert "only listing" in answer.content.decode()
    assert stage.listing(listing.event_id).show_id == listing.show_id


def test_what_another_house_has_cannot_be_touched(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    [suggestion] = suggestions(stage)
    other = Stage()
    theirs = other.put_on("Theirs")
    client = other.house.admin.signed_in()
    for path, data in (
        (f"/listings/{second.pk}/link/", {"show": str(theirs.show_id)}),
        (f"/listings/{theirs.pk}/link/", {"show": str(first.show_id)}),
        (f"/listings/{second.pk}/unlink/", {}),
        (f"/suggestions/{suggestion.pk}/decline/", {}),
        (f"/shows/{theirs.show_id}/merge/", {"show": str(first.show_id)}),
        (f"/shows/{first.show_id}/merge/", {"show": str(theirs.show_id)}),
        (f"/shows/{first.show_id}/capacity/", {"capacity": "10"}),
        (f"/listings/{theirs.pk}/link/", {"show": "nonsense"}),
        (f"/listings/{theirs.pk}/link/", {}),
        (f"/listings/{uuid4()}/unlink/", {}),
    ):
        assert client.post(path, data).status_code == 404, path
    assert stage.listing(second.event_id).show_id == second.show_id
    assert other.listing(theirs.event_id).show_id == theirs.show_id
    assert not suggestions(stage)[0].declined


def test_decisions_need_a_token_and_a_post(stage: Stage, doubt: tuple[Listing, Listing]) -> None:
    first, second = doubt
    client = stage.house.admin.signed_in()
    assert client.get(f"/listings/{second.pk}/link/", {"show": str(first.show_id)}).status_code == 405
    client.handler.enforce_csrf_checks = True
    answer = client.post(f"/listings/{second.pk}/link/", {"show": str(first.show_id)})
    assert answer.status_code == 403
    assert "Please try that again" in answer.content.decode()
    assert stage.listing(second.event_id).show_id == second.show_id


def test_a_person_says_how_many_seats_there_are(stage: Stage) -> None:
    listing = stage.put_on(sold=3, capacity=2)
    path = f"/shows/{listing.show_id}/"
    client = stage.house.promoter.signed_in()
    client.post(f"{path}capacity/", {"capacity": "40"})
    assert stage.show(listing.show_id).capacity == 40
    assert "3 of 40 seats" in look(stage.house.promoter, path).text
    for wrong in ("-1", "4.5", "many", "9" * 40, "٣"):
        answer = client.post(f"{path}capacity/", {"capacity": wrong}, follow=True)
        assert "whole number of seats" in answer.content.decode()
    assert client.post(f"{path}capacity/", {"capacity": "0"}).status_code == 409
    assert stage.show(listing.show_id).capacity == 40
    client.post(f"{path}capacity/", {"capacity": ""})
    assert stage.show(listing.show_id).capacity is None


def test_two_shares_of_a_house_are_not_called_oversold(stage: Stage) -> None:
    stage.put_on(sold=4, capacity=5)
    second = stage.put_on(platform="humanitix", sold=4, capacity=5)
    assert "Oversold" not in look(stage.house.admin, "/").text
    stage.sell(second, *(stage.order(second) for _ in range(3)))
    assert "11 of 10" in look(stage.house.admin, "/").text
    assert "Oversold by 1" in look(stage.house.admin, "/").text


def test_an_unknown_house_sees_an_empty_list(database: str) -> None:
    assert "Nothing waits" in look(make_house().admin, "/to-match/").text
