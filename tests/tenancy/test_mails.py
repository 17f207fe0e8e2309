"""Mail that is posted in the background."""

import logging
import threading

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from housecount.tenancy import mails
from housecount.tenancy.mails import _deliver


def test_a_mail_is_posted_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    posted, names = threading.Event(), []

    def send(_: EmailMessage) -> None:
        names.append(threading.current_thread().name)
        posted.set()

    monkeypatch.setattr(EmailMessage, "send", send)
    mails.post_later(EmailMessage(to=["a@example.com"]))
    assert posted.wait(20)
    assert names[0].startswith("mail")


def test_a_mail_server_that_refuses_is_logged_without_the_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: EmailMessage) -> None:
        raise ConnectionRefusedError("a@example.com")

    monkeypatch.setattr(EmailMessage, "send", refuse)
    with caplog.at_level(logging.ERROR):
        _deliver(EmailMessage(to=["a@example.com"]))
    assert "could not be sent" in caplog.text
    assert "a@example.com" not in caplog.text
    assert mail.outbox == []
