"""A run is the shows of one title at one venue, unless a person says otherwise."""

from housecount.box_office import show_runs
from housecount.box_office.models import Listing
from housecount.box_office.show_lists import ShowFilter, matching_shows
from housecount.tenancy.identity import acting_as
from housecount.tenancy.queries import audit_trail
from tests.web.stage import Stage, look


def runs(stage: Stage) -> dict[str, int]:
    with acting_as(stage.house.system):
        return {run.label: run.shows for run in show_runs.runs(stage.organisation_id, stage.now)}


def titles_of(stage: Stage, key: str) -> list[str]:
    venue_id, run = show_runs.split_key(key)
    with acting_as(stage.house.system):
        found = matching_shows(stage.organisation_id, ShowFilter(venue_id=venue_id, run=run))
        return sorted(found.values_list("title", flat=True))


def save(stage: Stage, listing: Listing, name: str, chosen: list[Listing], listed: list[Listing]) -> str:
    data = {
        "name": name,
        "show": [str(each.show_id) for each in chosen],
        "listed": [str(each.show_id) for each in listed],
    }
    answer = stage.house.promoter.signed_in().post(f"/shows/{listing.show_id}/run/", data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_shows_are_put_together_and_taken_out(stage: Stage) -> None:
    one, two = (stage.put_on("Nadia Quill", days=days, sold=1) for days in (3, 4))
    encore = stage.put_on("Encore", days=5, venue="Attic")
    assert runs(stage) == {"Nadia Quill, The Velvet Room": 2}
    page = look(stage.house.promoter, f"/shows/{one.show_id}/run/")
    assert "Encore" in page.text, "others are offered"
    assert "3 shows in the run “Autumn  of fun”".replace("  ", " ") in save(
        stage, one, " Autumn  of fun ", [one, two, encore], [one, two, encore]
    )
    assert runs(stage) == {"Autumn of fun": 3}
    assert titles_of(stage, ":=Autumn of fun") == ["Encore", "Nadia Quill", "Nadia Quill"]
    show = look(stage.house.promoter, f"/shows/{encore.show_id}/")
    assert "Run: Autumn of fun , 3 shows" in show.text
    assert "/?run=%3A%3DAutumn%20of%20fun" in show.links
    listed = look(stage.house.promoter, "/?run=%3A%3DAutumn%20of%20fun").text
    assert "Encore" in listed
    assert "Nadia Quill" in listed
    # Another spelling of its name is the same run.
    later = stage.put_on("Late", days=6)
    save(stage, later, "AUTUMN OF FUN", [later], [later])
    assert runs(stage) == {"Autumn of fun": 4}
    assert "1 taken out" in save(stage, one, "Autumn of fun", [one, two], [one, two, encore])
    assert runs(stage) == {"Autumn of fun": 3}
    assert "Encore" not in titles_of(stage, ":=Autumn of fun")


def test_out_of_the_run_of_its_title_and_back(stage: Stage) -> None:
    one, _, three = (stage.put_on("Laugh Lines", days=days) for days in (3, 4, 5))
    save(stage, one, "Laugh Lines", [], [three])
    assert runs(stage) == {"Laugh Lines, The Velvet Room": 2}
    key = f"{one.show.venue_id}:laugh lines"
    assert len(titles_of(stage, key)) == 2
    assert "You took this show out of its run" in look(stage.house.promoter, f"/shows/{three.show_id}/").text
    answer = stage.house.promoter.signed_in().post(
        f"/shows/{three.show_id}/run/", {"name": "", "do": "title"}, follow=True
    )
    assert "in the run of its title and venue again" in answer.content.decode()
    assert runs(stage) == {"Laugh Lines, The Velvet Room": 3}
    with acting_as(stage.house.system):
        changes = audit_trail(stage.organisation_id, "box_office_show", three.show_id)[:2]
        assert [entry.after["run"] for entry in changes if entry.after] == [None, ""]


def test_a_show_that_comes_later_joins_what_a_person_made(stage: Stage) -> None:
    one = stage.put_on("Weekly", days=3)
    save(stage, one, "Season one", [one], [one])
    stage.put_on("Weekly", days=10)
    assert runs(stage) == {"Season one": 2}
    stage.put_on("Weekly", days=11, venue="Attic")
    assert runs(stage) == {"Season one": 2}, "somewhere else is another run"


def test_a_run_needs_a_name(stage: Stage) -> None:
    one, two = stage.put_on("One"), stage.put_on("Two", days=12)
    assert "A run needs a name" in save(stage, one, "   ", [one, two], [one, two])
    assert "at most 200" in save(stage, one, "x" * 201, [one, two], [one, two])
    assert runs(stage) == {}
    for person in (stage.house.bookkeeper, stage.house.act):
        assert person.signed_in().post(f"/shows/{one.show_id}/run/", {"name": "x"}).status_code == 403


def test_the_analytics_follow(stage: Stage) -> None:
    one, two = (stage.put_on("Nadia Quill", days=days, sold=2) for days in (3, 4))
    encore = stage.put_on("Encore", days=5, venue="Attic", sold=1)
    alone = stage.put_on("Alone", days=6, sold=1)
    save(stage, one, "Autumn", [one, encore], [one, encore])
    save(stage, alone, "Alone", [], [alone])
    page = look(stage.house.promoter, "/analytics/?by=run&period=all").text
    assert "Autumn 2 3" in page, "name, shows, sold"
    assert "Nadia Quill, The Velvet Room 1 2" in page
    assert "Alone, The Velvet Room 1 1" in page
    narrowed = look(stage.house.promoter, "/analytics/?by=run&period=all&run=%3A%3DAutumn").text
    assert "Autumn 2 3" in narrowed
    assert "The Velvet Room 1 2" not in narrowed
    by_day = look(stage.house.promoter, "/analytics/?run=%3A%3DAutumn").text
    assert "3" in by_day
    assert two.show_id != one.show_id
