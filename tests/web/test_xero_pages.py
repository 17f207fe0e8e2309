"""Xero's pages: connecting by either way, what is left and why, what differs, and who may do what."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from housecount.installation import environment
from housecount.invoices import queries as invoices
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import AuditEntry
from housecount.xero import marks, services
from housecount.xero.models import Connection, Consent, Copy, Intent
from housecount_sandbox.xero.model import App
from tests.invoices.office import Office
from tests.web.stage import Look, look
from tests.world import House, make_house
from tests.xero.desk import QUICK, Desk, open_desk

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def plain_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())


class Scene:
    """A house whose office stands at a desk."""

    def __init__(self, house: House, desk: Desk) -> None:
        self.house, self.desk, self.office = house, desk, desk.office
        self.admin = house.admin.signed_in()

    def row(self) -> Connection:
        return self.desk.row()

    def jobs(self) -> set[str]:
        mine = ProcrastinateJob.objects.filter(args__organisation_id=str(self.house.organisation.pk))
        with acting_as(self.house.system):
            return {name.rsplit(".", 1)[-1] for name in mine.values_list("task_name", flat=True)}


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    house = make_house()
    with open_desk(Office(house.organisation.pk)) as desk:
        yield Scene(house, desk)


@pytest.fixture
def web_app(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> App:
    """The application that asks for consent."""
    app = scene.desk.world.xero.apps[0]
    monkeypatch.setenv("XERO_CLIENT_ID", app.client_id)
    monkeypatch.setenv("XERO_CLIENT_SECRET", app.secret or "")
    environment.load.cache_clear()
    return app


def read(answer: HttpResponse) -> str:
    page = Look(answer.content.decode())
    page.check()
    return page.text


def away(client: Client) -> str:
    """Presses “Go to Xero” and lets Housecount in there: the address that Xero sends the browser back to."""
    answer = client.post("/xero/connect/", {"way": "consent"})
    assert answer.status_code == 302
    parts = urlsplit(answer["Location"])
    assert f"form-action 'self' {parts.scheme}://{parts.netloc};" in answer["Content-Security-Policy"]
    xero = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    xero.request("GET", f"{parts.path}?{parts.query}")
    back = urlsplit(xero.getresponse().headers["Location"])
    xero.close()
    return f"{back.path}?{back.query}"


def test_before_it_is_connected_the_page_says_what_connecting_does(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = scene.house
    page = look(house.admin, "/xero/")
    assert "Your books are not connected" in page.text
    assert "/xero/connect/" in page.links
    for person in (house.promoter, house.bookkeeper):
        told = look(person, "/xero/")
        assert "An admin of" in told.text
        assert "/xero/connect/" not in told.links
        for path in ("/xero/connect/", "/xero/callback?state=a&code=b", "/xero/choose/"):
            assert "This page is not for your role" in look(person, path, 403).text
    for path in ("/xero/", "/xero/history/", "/xero/mapping/"):
        assert house.act.signed_in().get(path).status_code == 403
    connect = look(house.admin, "/xero/connect/").text
    assert "Web app" in connect
    assert "Custom connection" in connect
    assert "http://localhost:8000/xero/callback" in connect
    assert "does not know its registration" not in connect
    assert "Choose one of the two ways." in read(scene.admin.post("/xero/connect/", {"way": "neither"}))
    monkeypatch.delenv("XERO_CLIENT_ID")
    environment.load.cache_clear()
    assert "does not know its registration" in look(house.admin, "/xero/connect/").text
    refused = scene.admin.post("/xero/connect/", {"way": "consent"})
    assert (refused.status_code, "set XERO_CLIENT_ID" in read(refused)) == (422, True)


def test_a_consent_comes_back_once_to_who_began_it(scene: Scene, web_app: App) -> None:
    house, admin = scene.house, scene.admin
    back = away(admin)
    assert "sends people here with an answer" in read(admin.get("/xero/callback", follow=True))
    stranger = make_house().admin.signed_in()
    assert "not opened by us" in read(stranger.get(back, follow=True)), "another organisation's admin"
    colleague = scene.desk.office
    with acting_as(house.system):
        [kept] = Consent.objects.filter(organisation_id=colleague.organisation_id)
        assert kept.by == house.admin.user.pk
        Consent.objects.filter(pk=kept.pk).update(by=house.promoter.user.pk)
    assert "not opened by us" in read(admin.get(back, follow=True)), "somebody else began it"
    with acting_as(house.system):
        Consent.objects.filter(pk=kept.pk).update(by=house.admin.user.pk)
    answer = admin.get(back, follow=True)
    assert answer.redirect_chain == [("/xero/mapping/", 302)]
    assert f"{scene.desk.tenant.name} is connected." in read(answer)
    row = scene.row()
    assert (row.state, row.custom, row.tenant_id) == ("connected", False, scene.desk.tenant.id)
    assert "not opened by us" in read(admin.get(back, follow=True)), "the same answer again"
    with acting_as(house.system):
        assert not Consent.objects.filter(organisation_id=row.organisation_id).exists()
    late = away(admin)
    with acting_as(house.system):
        Consent.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "used up or too old" in read(admin.get(late, follow=True))


def test_a_refused_consent_is_told_in_words_and_its_state_is_used_up(scene: Scene, web_app: App) -> None:
    scene.desk.person("consent", refuses=True)
    back = away(scene.admin)
    state = parse_qs(urlsplit(back).query)["state"][0]
    forged = read(scene.admin.get("/xero/callback?error=access_denied&state=forged", follow=True))
    assert "not opened by us" in forged
    assert "You did not let Housecount in" in read(scene.admin.get(back, follow=True))
    assert "not opened by us" in read(scene.admin.get(f"/xero/callback?code=x&state={state}", follow=True))
    for error, said in (("invalid_scope", "accounting.invoices"), ("<b>odd</b>", "did not say why")):
        scene.desk.person("consent", refuses=True)
        again = parse_qs(urlsplit(away(scene.admin)).query)["state"][0]
        answer = scene.admin.get("/xero/callback", {"error": error, "state": again}, follow=True)
        assert said in read(answer)
        assert b"<b>odd" not in answer.content


def test_the_address_of_the_command_is_finished_by_any_admin(scene: Scene, web_app: App) -> None:
    with acting_as(scene.house.system):
        address = services.begin_consent(scene.house.organisation.pk)
    parts = urlsplit(address)
    xero = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    xero.request("GET", f"{parts.path}?{parts.query}")
    back = urlsplit(xero.getresponse().headers["Location"])
    xero.close()
    assert "is connected" in read(scene.admin.get(f"{back.path}?{back.query}", follow=True))


def test_one_of_several_organisations_is_chosen_and_what_does_not_fit_is_refused(
    scene: Scene, web_app: App
) -> None:
    desk, admin = scene.desk, scene.admin
    desk.person("consent", tenants=["AU", "NZ"])
    australian, kiwi, *_ = desk.world.xero.tenants
    back = away(admin)
    answer = admin.get(back, follow=True)
    assert answer.redirect_chain == [("/xero/choose/", 302)]
    text = read(answer)
    assert australian.name in text
    assert kiwi.name in text
    with acting_as(scene.house.system):
        assert not Connection.objects.filter(organisation_id=scene.house.organisation.pk).exists()
        kept = Consent.objects.get(organisation_id=scene.house.organisation.pk)
        assert all(token.encode() not in bytes(kept.tokens) for token in desk.world.xero.accesses)
    wrong = admin.post("/xero/choose/", {"tenant": kiwi.id})
    assert (wrong.status_code, "is in New Zealand" in read(wrong)) == (422, True)
    unknown = admin.post("/xero/choose/", {"tenant": "somebody else's"})
    assert (unknown.status_code, "Choose one of the organisations" in read(unknown)) == (422, True)
    done = admin.post("/xero/choose/", {"tenant": australian.id}, follow=True)
    assert f"{australian.name} is connected." in read(done)
    assert scene.row().tenant_id == australian.id
    assert admin.post("/xero/choose/", {"tenant": australian.id}, follow=True).redirect_chain == [
        ("/xero/connect/", 302)
    ], "there is nothing left to choose"


def test_a_custom_connection_is_mapped_tried_and_ended(scene: Scene) -> None:
    house, admin = scene.house, scene.admin
    answer = admin.post("/xero/connect/", {"way": "custom"}, follow=True)
    assert answer.redirect_chain == [("/xero/mapping/", 302)]
    text = read(answer)
    assert "200 Sales, GST on Income (OUTPUT, 10 %)" in text
    tried = admin.post("/xero/mapping/", {"sales": "260", "do": "try"})
    assert "Nothing is saved yet" in read(tried)
    assert "260 Other Revenue, GST on Income" in read(tried)
    assert scene.row().mapping["sales"] == "200"
    wrong = admin.post("/xero/mapping/", {"sales": "nothing there", "do": "save"})
    assert (wrong.status_code, "no active account nothing there" in read(wrong)) == (422, True)
    assert "Saved." in read(admin.post("/xero/mapping/", {"sales": "260", "do": "save"}, follow=True))
    assert scene.row().mapping["sales"] == "260"
    with acting_as(house.system):
        [changed] = AuditEntry.objects.filter(
            organisation_id=house.organisation.pk, table="xero_connection", action="UPDATE"
        )
        assert changed.actor_user_id == house.admin.user.pk
    scene.desk.person("account", account="260")
    assert "are read anew" in read(admin.post("/xero/mapping/", {"do": "read"}, follow=True))
    assert "no active account 260 any more" in look(house.admin, "/xero/mapping/").text
    keeper = house.bookkeeper.signed_in()
    assert keeper.post("/xero/mapping/", {"sales": "200", "do": "save"}).status_code == 403
    assert "admins map accounts" in look(house.bookkeeper, "/xero/mapping/").text

    for person in (keeper, house.promoter.signed_in()):
        assert person.post("/xero/automatic/", {"on": "no"}).status_code == 403
        assert person.post("/xero/disconnect/").status_code == 403
    assert "by itself any more" in read(admin.post("/xero/automatic/", {"on": "no"}, follow=True))
    assert not scene.row().automatic
    assert "Off: it is written when" in look(house.admin, "/xero/").text
    assert "nothing is written twice" in look(house.admin, "/xero/disconnect/").text
    assert scene.row().state == "connected", "asking does nothing"
    assert "is disconnected. What was written stays" in read(admin.post("/xero/disconnect/", follow=True))
    assert (scene.row().state, bytes(scene.row().client_secret)) == ("disconnected", b"")
    assert "Disconnected" in look(house.bookkeeper, "/xero/").text
    assert "Xero is disconnected" in read(admin.post("/xero/push/", follow=True))


def test_what_waits_says_why_and_a_person_says_who_is_who(scene: Scene) -> None:
    house, office, desk = scene.house, scene.office, scene.desk
    venue = office.party(name="Example Hall", abn="", email="hall@example.org", gst_registered_from=None)
    act = office.party()
    desk.connect()
    named = desk.person("contact", fields={"Name": "Example Hall"})["contact"]
    other = desk.person("contact", fields={"Name": "Example Hall Tickets"})["contact"]
    sold, bill = office.issued(venue), office.issued(act)
    assert "Waits for Xero" in look(house.bookkeeper, f"/invoices/{sold.pk}/").text, "before anybody wrote"
    outcome = desk.push()
    assert (outcome.done, outcome.left) == (1, 1)
    page = look(house.bookkeeper, "/xero/")
    assert "Who is this in Xero?" in page.text
    assert "Needs somebody" in page.text
    assert "housecount xero" not in page.text, "commands are not for pages"
    assert f"/xero/contacts/{venue.pk}/" in page.links
    listed = look(house.bookkeeper, "/invoices/")
    assert "Not in Xero" in listed.text
    assert listed.text.count("In Xero") == 1
    paper = look(house.bookkeeper, f"/invoices/{bill.pk}/")
    assert any(
        link.endswith(f"/AccountsReceivable/View.aspx?InvoiceID={_there(scene, bill)}")
        for link in paper.links
    )

    keeper = house.bookkeeper.signed_in()
    choice = read(keeper.get(f"/xero/contacts/{venue.pk}/"))
    assert "the same name" in choice
    assert "a similar name" in choice
    assert keeper.post(f"/xero/contacts/{venue.pk}/", {}).status_code == 422
    gone = keeper.post(f"/xero/contacts/{venue.pk}/", {"contact": "00000000-0000-0000-0000-000000000000"})
    assert (gone.status_code, "no active contact" in read(gone)) == (422, True)
    assert named != other
    said = keeper.post(f"/xero/contacts/{venue.pk}/", {"contact": other}, follow=True)
    assert "Xero knows Example Hall now" in read(said)
    assert house.act.signed_in().get(f"/xero/contacts/{venue.pk}/").status_code == 403
    assert make_house().admin.signed_in().get(f"/xero/contacts/{venue.pk}/").status_code == 404

    told = keeper.post(f"/xero/push/{sold.pk}/", {"back": "document"}, follow=True)
    assert told.redirect_chain == [(f"/invoices/{sold.pk}/", 302)]
    assert "before anything else" in read(told)
    assert "push" in scene.jobs()
    with acting_as(house.system):
        assert Intent.objects.get(target=sold.pk).asked_at is not None
    assert "Asked for: it begins within seconds" in look(house.admin, "/xero/").text
    assert desk.push().left == 0
    assert "Left to write 0 Nothing." in look(house.admin, "/xero/").text
    assert keeper.post("/xero/pull/").status_code == 302
    assert "pull" in scene.jobs()
    found = look(house.promoter, f"/xero/history/?q={sold.number}").text
    assert "PUT /Invoices" in found
    assert sold.number in found
    assert bill.number not in found
    assert "No call for that number" in look(house.promoter, "/xero/history/?q=INV-9").text
    assert look(house.promoter, "/xero/history/?before=99999999999999999999").text


def _there(scene: Scene, document: Document) -> str:
    with acting_as(scene.house.system):
        return Intent.objects.get(target=document.pk).xero_id


def test_what_differs_in_xero_is_shown_with_both_sides_everywhere(scene: Scene) -> None:
    house, office = scene.house, scene.office
    scene.desk.connect()
    document = office.issued(office.party())
    scene.desk.push()
    row = scene.row()
    with acting_as(house.system):
        Copy.objects.update_or_create(
            organisation_id=row.organisation_id,
            tenant_id=row.tenant_id,
            document=document,
            defaults={
                "read_at": timezone.now(),
                "drifted_at": timezone.now(),
                "drift": [{"field": "due_date", "ours": "2026-12-11", "xero": "2027-01-11"}],
            },
        )
    page = look(house.promoter, "/xero/")
    assert "Differs in Xero 1" in page.text
    assert "Due Friday 11 December 2026 Monday 11 January 2027" in page.text
    assert any("/AccountsReceivable/View.aspx" in link for link in page.links)
    paper = look(house.promoter, f"/invoices/{document.pk}/")
    assert "due date: 2026-12-11 here, 2027-01-11 in Xero" in paper.text
    assert "/xero/#differs" in paper.links
    with acting_as(house.system):
        told = invoices.document_json(document)["xero"]
        assert (told["stage"], told["id"]) == ("drift", _there(scene, document))
    with acting_as(house.act.identity):
        assert marks.marks([document]) == {}, "an act is not told of the books"


def test_marks_cost_the_same_for_one_document_and_for_many(scene: Scene) -> None:
    office = scene.office
    party = office.party()
    first = office.issued(party)
    with acting_as(scene.house.system):
        assert invoices.document_json(first)["xero"] is None, "nothing is connected"
    scene.desk.connect(since=first.issue_date + timedelta(days=1))
    with acting_as(scene.house.system):
        assert invoices.document_json(first)["xero"] is None, "from before the day it begins with"
        Connection.objects.update(since=None)
    many = [first, *(office.issued(party) for _ in range(4))]
    with acting_as(scene.house.system):
        counted = []
        for some in (many[:1], many):
            with CaptureQueriesContext(connection) as queries:
                assert len(marks.marks(some)) == len(some)
            counted.append(len(queries))
    assert counted[0] == counted[1] <= 4


def test_a_withdrawn_consent_is_shown_and_connected_again(scene: Scene) -> None:
    house = scene.house
    scene.desk.connect()
    document = scene.office.issued(scene.office.party())
    with acting_as(house.system):
        Connection.objects.filter(organisation_id=house.organisation.pk).update(
            state="needs_reconnect", trouble="Xero does not accept our consent any more."
        )
    page = look(house.admin, "/xero/")
    assert "Xero does not let us in any more." in page.text
    assert "/xero/connect/" in page.links
    assert "/xero/connect/" not in look(house.bookkeeper, "/xero/").links
    assert "was connected. Connect it again" in look(house.admin, "/xero/connect/").text
    read(scene.admin.post("/xero/connect/", {"way": "custom"}, follow=True))
    asyncio.run(services.push(house.organisation.pk, limits=QUICK))
    assert "In Xero" in look(house.admin, f"/invoices/{document.pk}/").text
