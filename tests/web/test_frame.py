"""What every page has: the policy, the frame, and readable errors."""

import pytest
from django.test import Client, override_settings
from django.urls import path

from housecount.urls import urlpatterns as _ours
from tests.tenancy.pages import breaks, refuses
from tests.web.stage import Look, Stage, look
from tests.world import PASSWORD, House, make_house, make_person

urlpatterns = [path("breaks/", breaks), path("refuses/", refuses), *_ours]


@pytest.fixture
def house(database: str) -> House:
    return make_house()


@pytest.mark.parametrize(
    "address", ["/account/login/", "/", "/nothing/", "/static/web/site.css", "/api/v1/sales", "/healthz"]
)
def test_every_answer_carries_the_policy(database: str, address: str) -> None:
    response = Client().get(address)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    if hasattr(response, "streaming_content"):
        response.close()


def test_pages_are_not_kept_by_shared_caches_and_files_are(house: House) -> None:
    assert "private" in house.admin.signed_in().get("/")["Cache-Control"]
    file = Client().get("/static/web/site.css")
    assert "private" not in file["Cache-Control"]
    file.close()


@pytest.mark.parametrize(
    "address",
    [
        "/account/login/",
        "/account/password/reset/",
        "/account/password/reset/done/",
        "/account/password/reset/key/1-x/",
    ],
)
def test_pages_of_signing_in_are_sound(database: str, address: str) -> None:
    Look(Client().get(address, follow=True).content.decode()).check()


def test_signing_in_and_out_by_hand(house: House) -> None:
    client = Client()
    answer = client.post(
        "/account/login/",
        {"login": house.promoter.user.email, "password": PASSWORD, "next": "/to-match/"},
        follow=True,
    )
    page = Look(answer.content.decode())
    page.check()
    assert "To match" in page.text
    assert "Sign out" in page.text
    assert str(house.promoter.user.pk) not in page.text
    answer = client.post("/account/logout/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/account/login/")


def test_the_menu_of_each_role(house: House) -> None:
    office = {"/", "/invoices/", "/parties/", "/sync/", "/settings/"}
    for person, expected in (
        (house.admin, office),
        (house.promoter, office),
        (house.bookkeeper, office),
        (house.act, {"/", "/invoices/", "/you/"}),
    ):
        links = set(look(person, "/").links)
        assert links & {*office, "/you/"} == expected
        for address in expected:
            look(person, address)


def test_somebody_in_two_houses_goes_from_one_to_the_other(house: House) -> None:
    from housecount.tenancy.identity import acting_as
    from housecount.tenancy.models import Membership

    other = make_house()
    with acting_as(other.system):
        Membership.objects.create(
            organisation=other.organisation, user=house.promoter.user, role="bookkeeper"
        )
    client = house.promoter.signed_in()
    text = Look(client.get("/").content.decode()).text
    names = {house.organisation.name, other.organisation.name}
    [target] = [each for each in (house, other) if f"Go to {each.organisation.name}" in text]
    answer = client.post(f"/organisation/{target.organisation.slug}/", follow=True)
    text = Look(answer.content.decode()).text
    [back] = names - {target.organisation.name}
    assert f"Go to {back}" in text


def test_an_address_that_is_not_there(house: House) -> None:
    for client in (Client(), house.admin.signed_in()):
        response = client.get("/nothing/")
        assert response.status_code == 404
        page = Look(response.content.decode())
        page.check()
        assert "Nothing here" in page.text


@override_settings(ROOT_URLCONF="tests.web.test_frame")
def test_a_mistake_of_ours_is_admitted_without_details(house: House) -> None:
    client = house.admin.signed_in()
    client.raise_request_exception = False
    response = client.get("/breaks/")
    assert response.status_code == 500
    page = Look(response.content.decode())
    page.check()
    assert "Our mistake" in page.text
    assert "KeyError" not in page.text


@override_settings(ROOT_URLCONF="tests.web.test_frame")
def test_an_error_made_for_people_wears_the_frame(stage: Stage) -> None:
    page = look(stage.house.admin, "/refuses/", 409)
    assert "The till is closed" in page.text
    assert "/sync/" in page.links


def test_somebody_without_a_house_is_told_so(house: House) -> None:
    from housecount.tenancy.identity import acting_as

    person = make_person(house.organisation, house.promoter.identity.role)
    with acting_as(house.system):
        person.membership.delete()
    page = look(person, "/", 403)
    assert "do not belong to an organisation" in page.text
