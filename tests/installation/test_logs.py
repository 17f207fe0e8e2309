import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.installation.logs import RedactingFormatter, TerminalFormatter, redact
from tests.examples import LETTERS


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://someone:opensesame@db.example/x", "opensesame"),
        ("Authorization: Bearer ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST"),
        ("GET /v3/users/me/?token=ABCDEFGHIJ&page=2", "ABCDEFGHIJ"),
        ("{'x-api-key': '0123456789abcdef'}", "0123456789abcdef"),
        ('{"client_secret": "open sesame"}', "open sesame"),
        ("password=opensesame, next", "opensesame"),
        ("HUMANITIX_API_KEY=opensesame", "opensesame"),
        ("POST /hooks/eventbrite/s3cretp4th 200", "s3cretp4th"),
        ("gAAAAABm1234567890abcdefghijABCDEFGHIJ==", "gAAAAABm1234567890"),
        ("f" * 64, "f" * 64),
        ("order of jo.bloggs+x@example.com.au came", "jo.bloggs+x@example.com.au"),
    ],
)
def test_secrets_and_addresses_do_not_get_through(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_what_is_no_secret_stays() -> None:
    text = "read account 5b2c1c46-9f50-4e0a-8c3e-8a3f9ad9f3a1: 120 orders in 14 requests, 3.1 s (2026-11-27)"
    assert redact(text) == text
    assert redact("GET /v3/users/me/?token=ABCDEFGHIJ&page=2").endswith("&page=2")


@given(st.text(LETTERS, max_size=300))
def test_redacting_twice_is_redacting_once_and_never_fails(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(
    st.from_regex(r"[a-z0-9.]{1,20}@[a-z]{1,10}\.[a-z]{2,5}", fullmatch=True), st.text(LETTERS, max_size=50)
)
def test_no_e_mail_address_gets_through(address: str, around: str) -> None:
    assert address not in redact(f"{around} {address} {around}")


def test_arguments_and_tracebacks_are_covered() -> None:
    formatter = RedactingFormatter("%(message)s")
    try:
        raise ValueError("password=opensesame")
    except ValueError as error:
        record = logging.LogRecord("x", 40, "", 0, "of %s", ("jo@example.com",), (ValueError, error, None))
    told = formatter.format(record)
    assert "opensesame" not in told
    assert "jo@example.com" not in told
    assert "ValueError" in told
    shown = TerminalFormatter("%(message)s").format(record)
    assert shown == "of <e-mail>"
    assert "ValueError" in formatter.format(record), "the terminal took the traceback away from the file"
