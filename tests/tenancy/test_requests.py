"""One transaction per request, as whoever makes it."""

from collections.abc import Iterator

import pytest
from django.test import Client, override_settings

from housecount.tenancy.identity import acting_as, current_identity
from housecount.tenancy.models import Organisation
from tests.world import House, make_house


@pytest.fixture(autouse=True)
def pages() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.tenancy.pages"):
        yield


@pytest.fixture
def house(database: str) -> House:
    return make_house()


def name_of(house: House) -> str:
    with acting_as(house.system):
        return Organisation.objects.get(pk=house.organisation.pk).name


def test_a_page_acts_for_the_member_and_is_kept(house: House) -> None:
    response = house.admin.signed_in().get("/keeps/")
    assert response.content.decode() == str(house.admin.identity)
    assert name_of(house) == "kept"
    assert current_identity() is None


def test_a_page_of_a_lesser_role_is_held_by_the_walls(house: House) -> None:
    house.act.signed_in().get("/keeps/")
    assert name_of(house) == house.organisation.name


@pytest.mark.parametrize(("path", "status"), [("/answers-500/", 503), ("/breaks/", 500), ("/refuses/", 409)])
def test_a_page_that_fails_is_undone(house: House, path: str, status: int) -> None:
    client = house.admin.signed_in()
    client.raise_request_exception = False
    assert client.get(path).status_code == status
    assert name_of(house) == house.organisation.name
    assert current_identity() is None


def test_an_error_made_for_people_is_a_page(house: House) -> None:
    response = house.admin.signed_in().get("/refuses/")
    assert "The till is closed" in response.content.decode()


@pytest.mark.parametrize("path", ["/streams/", "/sends-a-file/"])
def test_a_stream_does_not_outlive_its_transaction(house: House, path: str) -> None:
    with pytest.raises(RuntimeError, match="outside_tenancy"):
        house.admin.signed_in().get(path)


def test_a_stream_outside_acts_for_nobody(house: House) -> None:
    response = house.admin.signed_in().get("/streams-outside/")
    assert b"".join(response.streaming_content) == b"None"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/for-some/"])
def test_a_role_opens_the_page_or_does_not(house: House, path: str) -> None:
    for person, status in (
        (house.admin, 200),
        (house.bookkeeper, 200),
        (house.promoter, 403),
        (house.act, 403),
    ):
        response = person.signed_in().get(path)
        assert response.status_code == status
        text = response.content.decode()
        assert (house.organisation.slug in text) == (status == 200)
        if status == 403:
            assert person.identity.role.value in text
    response = Client().get(path)
    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={path}")


def test_any_member_passes_where_no_role_is_named(house: House) -> None:
    assert house.act.signed_in().get("/for-members/").content == b"act"
    assert Client().get("/for-members/").status_code == 302


def test_an_address_that_does_not_exist_is_404_for_everybody(house: House) -> None:
    assert Client().get("/nowhere/").status_code == 404
    assert house.admin.signed_in().get("/nowhere/").status_code == 404
