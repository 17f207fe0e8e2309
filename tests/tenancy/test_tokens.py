"""API tokens: shown once, kept as a hash, never reaching further than their person does now."""

import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from django.db import connection
from django.utils import timezone

from housecount.cli.main import cli
from housecount.tenancy import services, tokens
from housecount.tenancy.errors import Invalid
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import ApiAnswer, ApiToken, ApiTokenUse, AuditEntry, Organisation, User
from tests.web.stage import look
from tests.world import House, Person, make_house


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


def make(house: House, person: Person, **changes: Any) -> tuple[ApiToken, str]:
    """A token of that person's, and its text."""
    options = {"name": "till", "role": person.membership.role, "scopes": ["sales:read"]} | changes
    with acting_as(person.identity):
        made, secret = tokens.create(house.organisation.pk, person.membership, **options)
    return made, secret.reveal()


def refused(token: str) -> None:
    with pytest.raises(tokens.TokenRefused):
        tokens.recognise(token)


def test_it_is_shown_once_and_kept_as_a_hash(house: House) -> None:
    made, token = make(house, house.bookkeeper, scopes={"sales:read", "invoices:write"})
    assert token.startswith(f"{made.prefix}_")
    assert len(token) == 55
    with acting_as(house.system), connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM tenancy_api_token t WHERE id = %s", [made.pk])
        [row] = cursor.fetchone()
        assert token[12:] not in row
        kept = ApiToken.objects.get(pk=made.pk)
        entry = AuditEntry.objects.get(table="tenancy_api_token", row_id=str(made.pk))
    assert bytes(kept.token_hash) == hashlib.sha256(token.encode()).digest()
    assert kept.scopes == ["sales:read", "invoices:write"]
    assert "token_hash" not in (entry.after or {})
    assert token not in repr(tokens.document(kept))
    assert make(house, house.bookkeeper)[1] != token


def test_it_acts_for_its_person_in_its_role(house: House) -> None:
    made, token = make(house, house.admin, role="promoter")
    bearer = tokens.recognise(token)
    assert bearer.identity == Identity(Role.PROMOTER, house.organisation.pk, house.admin.user.pk, made.pk)
    assert (bearer.user, bearer.organisation) == (house.admin.user, house.organisation)
    assert bearer.scopes == {"sales:read"}
    with acting_as(bearer.identity):
        assert Organisation.objects.filter(pk=house.organisation.pk).update(country="NZ") == 0
    bearer = tokens.recognise(make(house, house.admin, role="admin")[1])
    with acting_as(bearer.identity):
        Organisation.objects.filter(pk=house.organisation.pk).update(country="GB")
        entry = AuditEntry.objects.filter(table="tenancy_organisation").latest("id")
    assert (entry.actor_user_id, entry.actor_role, entry.actor_token_id) == (
        house.admin.user.pk, "admin", bearer.token_id,
    )  # fmt: skip
    with acting_as(house.admin.identity):
        Organisation.objects.filter(pk=house.organisation.pk).update(country="AU")
        assert AuditEntry.objects.filter(table="tenancy_organisation").latest("id").actor_token_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"scopes": []}, {"scopes": ["sales:eat"]},
        {"scopes": ["sales:read", "everything"]}, {"role": "admin"}, {"role": "act"}, {"role": "owner"},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
)  # fmt: skip
def test_what_cannot_be_made(house: House, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        make(house, house.promoter, **changes)


def test_what_is_no_token_is_refused_in_one_way(house: House) -> None:
    made, token = make(house, house.promoter)
    for wrong in (
        "",
        "x",
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.upper(),
        "hc_" + "a" * 52,
    ):
        refused(wrong)
    assert tokens.recognise(token)
    with acting_as(house.promoter.identity):
        tokens.revoke(house.organisation.pk, made.pk)
        assert tokens.state(tokens.revoke(house.organisation.pk, made.pk)) == "revoked"
    refused(token)
    made, token = make(house, house.promoter, expires_at=timezone.now() + timedelta(days=1))
    assert tokens.recognise(token)
    with acting_as(house.system):
        ApiToken.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        assert tokens.state(ApiToken.objects.get(pk=made.pk)) == "expired"
    refused(token)


def test_it_stops_when_its_person_leaves_or_may_less(database: str) -> None:
    house = make_house()
    low, high = make(house, house.admin, role="bookkeeper")[1], make(house, house.admin, role="admin")[1]
    another = services.create_user(
        "a.new.admin@example.com", house.organisation, "admin", password="long enough 1"
    )
    with acting_as(house.system):
        services.change_role(house.admin.membership, "promoter")
    assert tokens.recognise(low).role is Role.BOOKKEEPER
    refused(high)
    with acting_as(house.system):
        User.objects.filter(pk=house.admin.user.pk).update(is_active=False)
    refused(low)
    with acting_as(house.system):
        User.objects.filter(pk=house.admin.user.pk).update(is_active=True)
    assert tokens.recognise(low)
    with acting_as(house.system):
        services.remove_member(house.admin.membership)
    refused(low)
    assert another.is_new_user


def test_a_minute_has_so_many_requests(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LIMIT", 3)
    made, token = make(house, house.promoter)
    assert [tokens.recognise(token).left for _ in range(3)] == [2, 1, 0]
    with pytest.raises(tokens.TooManyRequests) as caught:
        tokens.recognise(token)
    assert 0 < caught.value.retry_after <= 60
    assert tokens.recognise(make(house, house.promoter)[1]).left == 2
    with acting_as(house.system):
        ApiTokenUse.objects.filter(token_id=made.pk).update(began_at=timezone.now() - timedelta(seconds=61))
    assert tokens.recognise(token).left == 2


def test_that_it_was_used_is_noted_once_a_minute_and_not_audited(house: House) -> None:
    made, token = make(house, house.promoter)

    def noted() -> Any:
        with acting_as(house.system):
            return ApiToken.objects.get(pk=made.pk).last_used_at

    assert noted() is None
    tokens.recognise(token)
    first = noted()
    tokens.recognise(token)
    assert noted() == first
    with acting_as(house.system):
        ApiToken.objects.filter(pk=made.pk).update(last_used_at=first - timedelta(minutes=2))
    tokens.recognise(token)
    assert noted() >= first
    with acting_as(house.system):
        assert AuditEntry.objects.filter(table="tenancy_api_token", row_id=str(made.pk)).count() == 1


def test_nobody_sees_a_token_but_by_its_hash(house: House) -> None:
    made, token = make(house, house.promoter)
    with acting_as(Identity.nobody()), connection.cursor() as cursor:
        assert not ApiToken.objects.exists()
        cursor.execute("SELECT id FROM app.bearer(%s)", [hashlib.sha256(token.encode()).digest()])
        assert cursor.fetchall() == [(made.pk,)]
        assert not ApiToken.objects.exists()
    with acting_as(make_house().system), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM app.bearer(%s)", [hashlib.sha256(token.encode()).digest()])
        assert cursor.fetchall() == []


def test_an_admin_sees_all_and_others_their_own(database: str) -> None:
    house, other = make_house(), make_house()
    mine, _ = make(house, house.promoter)
    hers, _ = make(house, house.admin)
    theirs, _ = make(other, other.admin)
    with acting_as(house.admin.identity):
        assert set(tokens.tokens(house.organisation.pk)) == {mine, hers}
        assert not tokens.tokens(other.organisation.pk)
    with acting_as(house.promoter.identity):
        assert set(tokens.tokens(house.organisation.pk)) == {mine}
        for foreign in (hers, theirs):
            with pytest.raises(tokens.UnknownToken):
                tokens.revoke(house.organisation.pk, foreign.pk)


def test_old_answers_are_forgotten(house: House) -> None:
    now = timezone.now()
    with acting_as(house.system):
        for hours in (23, 25):
            ApiAnswer.objects.create(
                organisation=house.organisation,
                user=house.admin.user,
                principal=house.admin.user.pk,
                key=f"key {hours}",
                request_hash=b"x",
                created_at=now - timedelta(hours=hours),
            )
    tokens.forget_answers(now)
    with acting_as(house.system):
        assert list(ApiAnswer.objects.values_list("key", flat=True)) == ["key 23"]


def test_the_page(database: str) -> None:
    house = make_house()
    client = house.promoter.signed_in()
    form = {"name": "Till", "role": "bookkeeper", "scope": ["sales:read"], "lifetime": "30"}
    made = client.post("/settings/tokens/", form)
    assert "no-store" in made["Cache-Control"]
    token = made.content.decode().split('value="hc_')[1].split('"')[0]
    assert tokens.recognise(f"hc_{token}").role is Role.BOOKKEEPER
    page = look(house.promoter, "/settings/tokens/")
    assert "Till" in page.text
    assert token not in page.text
    for wrong in ({"role": "admin"}, {"scope": []}, {"lifetime": "9"}, {"name": ""}):
        answer = client.post("/settings/tokens/", form | wrong)
        assert answer.status_code == 422, wrong
        assert b"Nothing was made" in answer.content
    with acting_as(house.promoter.identity):
        [found] = tokens.tokens(house.organisation.pk)
    assert make_house().admin.signed_in().post(f"/settings/tokens/{found.pk}/revoke/").status_code == 404
    assert house.bookkeeper.signed_in().post(f"/settings/tokens/{found.pk}/revoke/").status_code == 404
    assert house.act.signed_in().get("/settings/tokens/").status_code == 403
    assert house.admin.signed_in().post(f"/settings/tokens/{found.pk}/revoke/").status_code == 302
    refused(f"hc_{token}")
    assert "Revoked" in look(house.admin, "/settings/tokens/").text
    with acting_as(house.system):
        services.remove_member(house.promoter.membership)
    assert "somebody who left" in look(house.admin, "/settings/tokens/").text


def run(*arguments: str) -> tuple[int, str]:
    """A `housecount token` command: how it ended, and what it printed."""
    result = CliRunner().invoke(cli, ["token", *arguments])
    return result.exit_code, result.output


def test_the_commands(house: House) -> None:
    here, email = ["--organisation", house.organisation.slug], house.bookkeeper.user.email
    code, token = run("create", "Report", *here, "--user", email, "--scope", "sales:read", "--days", "2")
    assert code == 0
    bearer = tokens.recognise(token.strip())
    assert (bearer.role, bearer.scopes) == (Role.BOOKKEEPER, {"sales:read"})
    code, made = run("create", "B", *here, "--user", email, "--scope", "sync:read", "--json")
    assert json.loads(made)["token"].startswith(json.loads(made)["prefix"])
    code, listed = run("list", *here, "--json")
    assert code == 0
    assert token.strip() not in listed
    found = {each["id"]: each["state"] for each in json.loads(listed)["tokens"]}
    assert found[str(bearer.token_id)] == "active"
    assert run("revoke", str(bearer.token_id), *here)[0] == 0
    refused(token.strip())
    for wrong in (
        ["revoke", str(uuid4()), *here],
        ["create", "X", *here, "--user", "nobody@example.com", "--scope", "sales:read"],
        ["create", "X", *here, "--user", email, "--role", "admin", "--scope", "sales:read"],
        ["list", "--organisation", "nowhere"],
    ):
        assert run(*wrong)[0] == 1, wrong
