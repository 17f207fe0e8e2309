"""Telling of alerts: at least once, not twice, by mail and signed by post, and neither waits for the other."""

import base64
import hashlib
import hmac
import json
import logging
import re
import smtplib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connections

from housecount.box_office.models import Show
from housecount.installation import environment
from housecount.sync import alerts, dispatch, notices, store
from housecount.sync.models import Alert
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import User
from housecount.tenancy.queries import all_organisations
from tests.promoters import Clock
from tests.web.stage import Stage
from tests.world import make_person

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """An operator's own server; it answers with `statuses` in turn, then 204."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                named = {name.lower(): value for name, value in self.headers.items()}
                receiver.posted.append(Posted(self.path, named, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts?key=in-the-address"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def of(self, house: Stage) -> list[Posted]:
        slug = house.house.organisation.slug
        return [each for each in self.posted if each.document["data"]["organisation"] == slug]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def house(database: str) -> Stage:
    return Stage()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Variables may be set; they count from `environment.load.cache_clear()` on."""
    environment.load.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    environment.load.cache_clear()


@pytest.fixture
def mailing(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("HOUSECOUNT_EMAIL_URL", "smtp://127.0.0.1:1")
    settings.setenv("HOUSECOUNT_PUBLIC_URL", "https://tickets.example.org")
    environment.load.cache_clear()


@pytest.fixture
def posting(settings: pytest.MonkeyPatch, receiver: Receiver) -> Receiver:
    settings.setenv("HOUSECOUNT_ALERT_URL", receiver.url)
    settings.setenv("HOUSECOUNT_ALERT_SECRET", SECRET)
    environment.load.cache_clear()
    return receiver


@pytest.fixture(autouse=True)
def _alone(database: str) -> None:
    """What other tests left open is not for this one."""
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            Alert.objects.filter(organisation_id=organisation.pk).delete()


def stop(house: Stage, now: datetime, platform: str = "eventbrite") -> None:
    with acting_as(house.house.system):
        store.stop_account(house.accounts[platform], f"{platform.capitalize()} refuses the key.")
    alerts.look(house.house.organisation, now)


def resume(house: Stage, now: datetime, platform: str = "eventbrite") -> None:
    with acting_as(house.house.system):
        store.resume_account(house.accounts[platform])
    alerts.look(house.house.organisation, now)


def rows(house: Stage) -> list[Alert]:
    with acting_as(house.house.system):
        return list(
            Alert.objects.filter(organisation_id=house.organisation_id).order_by("opened_at", "subject")
        )


# --- By mail ------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("mailing")
def test_new_alerts_are_one_mail_to_those_who_decide(house: Stage, clock: Clock) -> None:
    inactive = make_person(house.house.organisation, Role.ADMIN)
    with acting_as(house.house.system):
        User.objects.filter(pk=inactive.user.pk).update(is_active=False)
    stop(house, clock())
    stop(house, clock(), "humanitix")
    assert dispatch.mail_alerts(clock) == 1
    [letter] = mail.outbox
    assert isinstance(letter, EmailMessage)
    assert sorted(letter.recipients()) == sorted(
        [house.house.admin.user.email, house.house.promoter.user.email]
    )
    assert letter.subject == f"Housecount: {house.house.organisation.name}: 2 things need a look"
    assert (
        "“eventbrite account” (Eventbrite) is not read any more. Eventbrite refuses the key." in letter.body
    )
    assert "“humanitix account” (Humanitix) is not read any more. Humanitix refuses the key." in letter.body
    assert (
        "What to do: Make a new key at the platform and let an admin give it on the page Sync" in letter.body
    )
    assert "https://tickets.example.org/sync/" in letter.body
    text = letter.message().as_string()
    for person in (house.house.admin, house.house.promoter, house.house.bookkeeper, house.house.act):
        assert person.user.email not in text, "nobody learns who else is told"
    assert dispatch.mail_alerts(clock) == 0
    assert [alert.mailed_at for alert in rows(house)] == [clock()] * 2


@pytest.mark.usefixtures("mailing")
def test_nobody_is_mailed_about_what_they_do_not_want(
    house: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, promoter, bookkeeper = house.house.admin, house.house.promoter, house.house.bookkeeper
    for person, wanted in ((promoter, ["oversell"]), (bookkeeper, ["account_stopped", "oversell"])):
        with acting_as(person.identity):
            notices.choose(person.membership, wanted)
    listing = house.put_on(sold=3)
    with acting_as(house.house.system):
        Show.objects.filter(organisation_id=house.organisation_id, pk=listing.show_id).update(capacity=2)
    stop(house, clock(), "humanitix")
    real, refused = dispatch._send, []

    def refuse_once(letter: Any, receivers: Any) -> str:
        if "not read any more" in letter.body and not refused:
            refused.append(letter)
            return "The mail server did not take the mail (SMTPServerBusy)."
        return real(letter, receivers)

    monkeypatch.setattr(dispatch, "_send", refuse_once)
    assert dispatch.mail_alerts(clock) == 1
    clock.pass_by(minutes=1)
    assert dispatch.mail_alerts(clock) == 1, "what was told is not told again when the other is"
    told = {"oversold" in letter.subject: sorted(letter.recipients()) for letter in mail.outbox}
    assert len(mail.outbox) == 2
    assert told == {
        True: sorted(person.user.email for person in (admin, promoter, bookkeeper)),
        False: sorted(person.user.email for person in (admin, bookkeeper)),
    }
    for person in (admin, bookkeeper):
        with acting_as(person.identity):
            notices.choose(person.membership, [])
    resume(house, clock(), "humanitix")
    assert dispatch.mail_alerts(clock) == 0
    assert all(alert.closing_mailed_at for alert in rows(house) if alert.closed_at), (
        "told to nobody, and done"
    )


@pytest.mark.usefixtures("mailing")
def test_each_organisation_gets_its_own(house: Stage, clock: Clock) -> None:
    other = Stage()
    stop(house, clock())
    stop(other, clock())
    assert dispatch.mail_alerts(clock) == 2
    told = {letter.subject: letter for letter in mail.outbox}
    for each, stranger in ((house, other), (other, house)):
        letter = told[f"Housecount: {each.house.organisation.name}: an account is not read any more"]
        assert each.house.admin.user.email in letter.recipients()
        assert stranger.house.admin.user.email not in letter.recipients()
        assert str(stranger.accounts["eventbrite"].account_id) not in letter.body


@pytest.mark.usefixtures("mailing")
def test_what_is_over_is_a_short_mail(house: Stage, clock: Clock) -> None:
    stop(house, clock())
    dispatch.mail_alerts(clock)
    clock.pass_by(minutes=70)
    resume(house, clock())
    assert dispatch.mail_alerts(clock) == 1
    over = mail.outbox[-1]
    assert (
        over.subject == f"Housecount: {house.house.organisation.name}: over: an account is not read any more"
    )
    assert "What to do" not in over.body
    assert dispatch.mail_alerts(clock) == 0
    assert rows(house)[0].closing_mailed_at == clock()


@pytest.mark.usefixtures("mailing")
def test_a_show_is_linked(house: Stage, clock: Clock) -> None:
    listing = house.put_on(sold=3)
    with acting_as(house.house.system):
        Show.objects.filter(organisation_id=house.organisation_id, pk=listing.show_id).update(capacity=2)
    alerts.look(house.house.organisation, clock())
    dispatch.mail_alerts(clock)
    assert f"https://tickets.example.org/shows/{listing.show_id}/" in mail.outbox[0].body


def test_without_a_public_address_there_is_no_link(
    house: Stage, clock: Clock, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv("HOUSECOUNT_EMAIL_URL", "smtp://127.0.0.1:1")
    environment.load.cache_clear()
    stop(house, clock())
    dispatch.mail_alerts(clock)
    assert "http" not in mail.outbox[0].body


@pytest.mark.usefixtures("settings")
def test_without_a_mail_server_nothing_is_printed(house: Stage, clock: Clock) -> None:
    stop(house, clock())
    assert dispatch.waiting(clock()) == (False, False)
    assert dispatch.mail_alerts(clock) == 0
    assert mail.outbox == []


@pytest.mark.usefixtures("mailing")
def test_a_mail_server_that_refuses_is_tried_again(
    house: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop(house, clock())

    def refuse(_: EmailMessage) -> None:
        raise smtplib.SMTPRecipientsRefused({house.house.admin.user.email: (550, b"no")})

    waits = []
    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", refuse)
        for _ in range(dispatch.MOST_ATTEMPTS):
            assert dispatch.waiting(clock()) == (True, False)
            assert dispatch.mail_alerts(clock) == 0
            assert dispatch.mail_alerts(clock) == 0, "not before its time"
            [alert] = rows(house)
            assert alert.mail_next_try_at is not None
            waits.append((alert.mail_next_try_at - clock()).total_seconds())
            clock.time = alert.mail_next_try_at
    assert waits[:4] == [30, 60, 120, 240]
    assert waits == sorted(waits)
    assert waits[-1] == 3600
    assert house.house.admin.user.email not in caplog.text
    assert dispatch.waiting(clock()) == (False, False), "twelve attempts are enough"
    resume(house, clock())
    assert dispatch.mail_alerts(clock) == 1, "its end is told all the same"
    assert rows(house)[0].trouble == ""
    assert dispatch.mail_alerts(clock) == 0


@pytest.mark.usefixtures("mailing")
def test_two_processes_do_not_send_the_same_mail(
    house: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(house, clock())
    beside: list[int] = []

    def another() -> None:
        try:
            beside.append(dispatch.mail_alerts(clock))
        finally:
            connections.close_all()

    real = dispatch._send

    def send(*arguments: Any) -> str:
        thread = threading.Thread(target=another)
        thread.start()
        thread.join(30)
        return real(*arguments)

    monkeypatch.setattr(dispatch, "_send", send)
    assert dispatch.mail_alerts(clock) == 1
    assert beside == [0]
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("mailing")
def test_what_a_process_was_sending_when_it_died_is_sent_again(
    house: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(house, clock())

    def die(*_: object) -> str:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "_send", die)
        with pytest.raises(SystemExit):
            dispatch.mail_alerts(clock)
    assert dispatch.mail_alerts(clock) == 0
    clock.time += dispatch.CLAIM
    assert dispatch.mail_alerts(clock) == 1


@pytest.mark.usefixtures("mailing")
def test_what_was_over_long_ago_is_no_news(house: Stage, clock: Clock) -> None:
    stop(house, clock())
    resume(house, clock())
    clock.pass_by(days=2)
    assert dispatch.mail_alerts(clock) == 0


# --- To the operator's own address --------------------------------------------------------------------
def test_an_alert_is_posted_and_signed(house: Stage, clock: Clock, posting: Receiver) -> None:
    stop(house, clock())
    assert dispatch.post_alerts(clock) == 1
    [posted] = posting.of(house)
    assert posted.path == "/alerts?key=in-the-address"
    [alert] = rows(house)
    assert posted.document == {
        "type": "alert.opened",
        "timestamp": alert.opened_at.isoformat(),
        "data": {
            "id": str(alert.pk),
            "organisation": house.house.organisation.slug,
            "cause": "account_stopped",
            "subject": str(house.accounts["eventbrite"].account_id),
            "text": alert.text,
            "advice": alert.advice,
            "opened_at": alert.opened_at.isoformat(),
            "closed_at": None,
        },
    }
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["webhook-timestamp"] == str(int(clock().timestamp()))
    assert "." not in posted.headers["webhook-id"]
    signed = ".".join([posted.headers["webhook-id"], posted.headers["webhook-timestamp"]]).encode()
    expected = hmac.new(bytes(range(32)), signed + b"." + posted.body, hashlib.sha256).digest()
    assert posted.headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert dispatch.post_alerts(clock) == 0


def test_the_beginning_is_posted_before_the_end(house: Stage, clock: Clock, posting: Receiver) -> None:
    stop(house, clock())
    clock.pass_by(minutes=3)
    resume(house, clock())
    assert dispatch.post_alerts(clock) == 2
    opened, closed = posting.of(house)
    assert [opened.document["type"], closed.document["type"]] == ["alert.opened", "alert.closed"]
    assert opened.document["data"]["closed_at"] is None
    assert closed.document["data"]["closed_at"] == closed.document["timestamp"] == clock().isoformat()
    assert opened.headers["webhook-id"] != closed.headers["webhook-id"]
    assert dispatch.post_alerts(clock) == 0


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 410, 500, 503])
def test_what_does_not_arrive_is_posted_again_under_the_same_id(
    house: Stage, clock: Clock, posting: Receiver, status: int
) -> None:
    stop(house, clock())
    posting.statuses = [status]
    assert dispatch.post_alerts(clock) == 0
    [alert] = rows(house)
    assert f"status {status}" in alert.trouble
    assert dispatch.post_alerts(clock) == 0
    assert len(posting.of(house)) == 1, "no redirect is followed, and nothing is sent before its time"
    clock.pass_by(seconds=30)
    assert dispatch.post_alerts(clock) == 1
    first, second = posting.of(house)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (rows(house)[0].trouble, rows(house)[0].attempts) == ("", 0)


def test_after_twelve_attempts_it_is_left_alone_until_it_is_over(
    house: Stage, clock: Clock, posting: Receiver
) -> None:
    stop(house, clock())
    posting.statuses = [500] * 12
    for _ in range(20):
        dispatch.post_alerts(clock)
        clock.pass_by(hours=2)
    assert len(posting.of(house)) == 12
    resume(house, clock())
    assert dispatch.post_alerts(clock) == 2


def test_a_receiver_that_is_away_keeps_no_mail_back_and_its_address_out_of_the_log(
    house: Stage, clock: Clock, settings: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.setenv("HOUSECOUNT_EMAIL_URL", "smtp://127.0.0.1:1")
    settings.setenv("HOUSECOUNT_ALERT_URL", "http://127.0.0.1:1/alerts?key=in-the-address")
    settings.setenv("HOUSECOUNT_ALERT_SECRET", SECRET)
    environment.load.cache_clear()
    stop(house, clock())
    assert dispatch.waiting(clock()) == (True, True)
    with caplog.at_level(logging.DEBUG):
        assert dispatch.post_alerts(clock) == 0
    assert dispatch.mail_alerts(clock) == 1
    [alert] = rows(house)
    assert "cannot be reached" in alert.trouble
    assert alert.attempts == 1
    assert "in-the-address" not in caplog.text
    assert SECRET not in caplog.text


def test_a_receiver_that_never_answers_is_given_up(
    house: Stage, clock: Clock, posting: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_POST_SECONDS", 0.2)
    stop(house, clock())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HOUSECOUNT_ALERT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        environment.load.cache_clear()
        assert dispatch.post_alerts(clock) == 0
    assert "did not answer" in rows(house)[0].trouble


def test_without_a_secret_nothing_is_posted(
    house: Stage, clock: Clock, receiver: Receiver, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv("HOUSECOUNT_ALERT_URL", receiver.url)
    environment.load.cache_clear()
    stop(house, clock())
    assert dispatch.post_alerts(clock) == 0
    assert receiver.posted == []


def test_a_receiver_that_is_away_is_not_asked_for_every_alert(clock: Clock, posting: Receiver) -> None:
    for _ in range(5):
        stop(Stage(), clock())
    posting.statuses = [503] * 50
    dispatch.post_alerts(clock)
    assert len(posting.posted) == 3


def test_the_receiver_of_the_documentation_works(
    house: Stage, clock: Clock, settings: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "watch-it.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    settings.setenv("HOUSECOUNT_ALERT_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(code, names)
    names["Receiver"].log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        settings.setenv("HOUSECOUNT_ALERT_URL", f"http://127.0.0.1:{server.server_port}/")
        environment.load.cache_clear()
        stop(house, clock())
        assert dispatch.post_alerts(clock) == 1
        assert len(names["seen"]) == 1
        settings.setenv("HOUSECOUNT_ALERT_SECRET", "whsec_" + base64.b64encode(bytes(32)).decode())
        environment.load.cache_clear()
        resume(house, clock())
        assert dispatch.post_alerts(clock) == 0, "signed with another secret"
        assert "status 401" in rows(house)[0].trouble
        settings.setenv("HOUSECOUNT_ALERT_SECRET", SECRET)
        environment.load.cache_clear()
        clock.pass_by(minutes=20)
        assert dispatch.post_alerts(clock) == 0, "signed at another time"
        assert len(names["seen"]) == 1
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
