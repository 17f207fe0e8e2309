"""`housecount organisation` and `housecount user`."""

import json
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from housecount.cli.main import cli
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import User
from tests.world import PASSWORD, House, make_house


@pytest.fixture
def house(database: str) -> House:
    return make_house()


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, list(arguments), input=typed)


def document(result: Result) -> dict[str, object]:
    found: dict[str, object] = json.loads(result.stdout)
    return found


def user(email: str) -> User:
    with acting_as(Identity.nobody()):
        return User.objects.get(email=email)


def test_an_organisation_is_made_and_its_slug_printed() -> None:
    slug = f"laughing-{uuid4().hex}"
    result = run("organisation", "create", "Laughing", "--slug", slug, "--timezone", "Pacific/Auckland")
    assert (result.exit_code, result.stdout) == (0, slug + "\n")
    listed = document(run("organisation", "list", "--json"))["organisations"]
    assert isinstance(listed, list)
    found = next(each for each in listed if each["slug"] == slug)
    assert (found["name"], found["timezone"], found["currency"]) == ("Laughing", "Pacific/Auckland", "AUD")
    assert slug in run("organisation", "list").stdout


def test_the_same_in_json() -> None:
    made = document(run("organisation", "create", f"Cellar {uuid4().hex}", "--currency", "nzd", "--json"))
    assert made["organisation"] == made["slug"]
    assert made["currency"] == "NZD"


def test_a_slug_that_is_taken_ends_in_1_with_a_reason(house: House) -> None:
    arguments = ("organisation", "create", "Twin", "--slug", house.organisation.slug)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert house.organisation.slug in result.stderr
    assert document(run(*arguments, "--json"))["error"]["code"] == "already_there"  # type: ignore[index]


def test_a_user_is_made_with_the_password_typed(house: House) -> None:
    email = f"{uuid4().hex}@example.com"
    result = run(
        "user", "create", email, "--organisation", house.organisation.slug, "--role", "bookkeeper",
        "--password-stdin", typed=PASSWORD + "\n",
    )  # fmt: skip
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert user(email).check_password(PASSWORD)


def test_without_a_password_one_is_made_and_shown(house: House) -> None:
    email = f"{uuid4().hex}@example.com"
    arguments = (
        "user",
        "create",
        email,
        "--organisation",
        house.organisation.slug,
        "--role",
        "act",
        "--json",
    )
    made = document(run(*arguments))
    assert (made["email"], made["role"], made["organisation"]) == (email, "act", house.organisation.slug)
    assert user(email).check_password(str(made["password"]))
    again = run(*arguments)
    assert again.exit_code == 1
    assert document(again)["error"]["code"] == "already_there"  # type: ignore[index]


def test_a_known_user_joins(house: House) -> None:
    other = make_house()
    result = run(
        "user", "create", other.act.user.email, "--organisation", house.organisation.slug, "--role", "act"
    )
    assert result.exit_code == 0
    assert "keeps its password" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "words"),
    [
        (["--organisation", "nowhere", "--role", "act"], "", 1, "nowhere"),
        (["--organisation", "{slug}", "--role", "act", "--password-stdin"], "", 1, "standard input"),
        (["--organisation", "{slug}", "--role", "act", "--password-stdin"], "short\n", 1, "too short"),
        (["--organisation", "{slug}", "--role", "king"], "", 2, "king"),
        (["--organisation", "{slug}"], "", 2, "--role"),
    ],
)
def test_refusals_say_why(house: House, arguments: list[str], typed: str, code: int, words: str) -> None:
    email = f"{uuid4().hex}@example.com"
    filled = [argument.replace("{slug}", house.organisation.slug) for argument in arguments]
    result = run("user", "create", email, *filled, typed=typed)
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output
    with acting_as(Identity.nobody()):
        assert not User.objects.filter(email=email).exists()


def test_an_address_that_is_none_is_refused(house: House) -> None:
    result = run("user", "create", "nobody", "--organisation", house.organisation.slug, "--role", "act")
    assert result.exit_code == 1
    assert "e-mail" in result.stderr


def test_an_operator_is_made_and_unmade(house: House) -> None:
    email = house.promoter.user.email
    assert document(run("user", "operator", email.upper(), "--json"))["operator"] is True
    assert user(email).is_staff
    assert "does not operate this installation" in run("user", "operator", email, "--revoke").stdout
    assert not user(email).is_staff
    unknown = run("user", "operator", "nobody.at.all@example.com")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "Nobody signs in with this address" in unknown.stderr
