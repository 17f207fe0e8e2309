"""Who is on the bill of a show: the office says so, the act sees it from then on, and nobody else."""

from uuid import uuid4

from housecount.invoices import services as invoices
from housecount.tenancy.identity import acting_as
from tests.web.stage import Stage, look
from tests.world import make_house, make_person


def test_an_act_sees_a_show_from_when_it_is_on_the_bill_until_it_is_not(stage: Stage) -> None:
    listing = stage.put_on(sold=2)
    house, path = stage.house, f"/shows/{listing.show_id}/"
    client, act = house.promoter.signed_in(), {"act": str(house.act.membership.pk)}
    look(house.act, path, 404)
    assert house.act.user.email in look(house.promoter, path).text, "who may be put on the bill is offered"
    answer = client.post(f"{path}bill/add/", act, follow=True)
    assert "is on the bill of" in answer.content.decode()
    assert f'action="{path}bill/remove/"' in answer.content.decode(), "it can be undone"
    assert "2" in look(house.act, path).text
    page = look(house.promoter, path)
    assert f"With {house.act.user.email}" in page.text
    client.post(f"{path}bill/add/", act)  # twice is once
    answer = client.post(f"{path}bill/remove/", act, follow=True)
    assert "not on the bill" in answer.content.decode()
    look(house.act, path, 404)


def test_the_whole_run_that_is_to_come_at_once(stage: Stage) -> None:
    first, second, over = (stage.put_on("A Run", days=days) for days in (3, 4, -3))
    other = stage.put_on("Another", days=5)
    data = {"act": str(stage.house.act.membership.pk), "all": "yes"}
    answer = stage.house.promoter.signed_in().post(f"/shows/{first.show_id}/bill/add/", data, follow=True)
    assert "and of 1 more of its run" in answer.content.decode()
    for listing, status in ((first, 200), (second, 200), (over, 404), (other, 404)):
        look(stage.house.act, f"/shows/{listing.show_id}/", status)


def test_who_may_not_and_who_cannot_be(stage: Stage) -> None:
    listing = stage.put_on()
    house, path = stage.house, f"/shows/{listing.show_id}/bill/add/"
    act = {"act": str(house.act.membership.pk)}
    for person in (house.bookkeeper, house.act):
        assert person.signed_in().post(path, act).status_code == 403
    stranger = make_house()
    assert stranger.promoter.signed_in().post(path, act).status_code == 404
    client = house.promoter.signed_in()
    # Not an act; an act of somebody else; nobody; no id.
    for wrong in (house.bookkeeper.membership.pk, stranger.act.membership.pk, uuid4(), "x"):
        assert client.post(path, {"act": str(wrong)}).status_code == 404
    assert "On the bill" in look(house.promoter, f"/shows/{listing.show_id}/").text
    assert "On the bill" not in look(house.bookkeeper, f"/shows/{listing.show_id}/").text


def test_without_acts_it_says_how_to_have_one(stage: Stage) -> None:
    listing = stage.put_on()
    with_one = make_person(stage.house.organisation, stage.house.act.identity.role)
    with acting_as(stage.house.system):
        with_one.membership.delete()
        stage.house.act.membership.delete()
    for person, words in ((stage.house.admin, "Invite one"), (stage.house.promoter, "An admin invites one")):
        assert words in look(person, f"/shows/{listing.show_id}/").text


def test_the_documents_of_a_show_stand_on_its_page(stage: Stage) -> None:
    listing, house = stage.put_on(), stage.house
    line = {"description": "Room hire", "unit_price": 40000, "tax": "out_of_scope"}
    with acting_as(house.system):
        party = invoices.create_party(stage.organisation_id, {"name": "The Velvet Room", "kind": "company"})
        data = {"kind": "invoice", "party": str(party.pk), "lines": [line]}
        made = [data | {"show": str(listing.show_id)}, data]
        own, other = invoices.create_documents(stage.organisation_id, made)
    for person in (house.promoter, house.bookkeeper):
        page = look(person, f"/shows/{listing.show_id}/")
        assert f"/invoices/{own.pk}/" in page.links
        assert f"/invoices/{other.pk}/" not in page.links
        assert {f"/invoices/new/?show={listing.show_id}", f"/invoices/?show={listing.show_id}"} <= set(
            page.links
        )
        assert "The Velvet Room Draft A$400.00" in page.text
