"""Who signed a body."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.signatures import TOLERANCE_SECONDS, is_genuine, is_signed, sign
from tests.examples import LETTERS

NOW = 1_900_000_000
KEY = b"an invented key of 32 bytes, yes"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def standard(
    body: bytes, *, secret: str = SECRET, timestamp: int = NOW, message_id: str = "msg_1"
) -> dict[bytes, bytes]:
    return {
        b"webhook-id": message_id.encode(),
        b"webhook-timestamp": str(timestamp).encode(),
        b"webhook-signature": sign(message_id, timestamp, body, secret).encode(),
    }


def simple(body: bytes, secret: str = SECRET) -> dict[bytes, bytes]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {b"x-signature": f"sha256={digest}".encode()}


def test_the_published_example_of_standard_webhooks() -> None:
    # From the specification's own example, so that a mistake we make on both sides shows.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = {
        b"webhook-id": b"msg_p5jXN8AQM9LWM0D4loKWxJek",
        b"webhook-timestamp": b"1614265330",
        b"webhook-signature": b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert is_genuine(headers, body, secret, 1614265330)
    assert not is_genuine(headers, body + b" ", secret, 1614265330)


@given(st.binary(max_size=300), st.text(LETTERS, min_size=1, max_size=40), st.integers(0, TOLERANCE_SECONDS))
def test_what_was_signed_is_genuine(body: bytes, secret: str, off: int) -> None:
    for timestamp in (NOW - off, NOW + off):
        assert is_genuine(standard(body, secret=secret, timestamp=timestamp), body, secret, NOW)
    assert is_genuine(simple(body, secret), body, secret, NOW)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_changed_bit_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[place // 8] ^= 1 << place % 8
    for headers in (standard(body), simple(body)):
        assert is_genuine(headers, body, SECRET, NOW)
        assert not is_genuine(headers, bytes(changed), SECRET, NOW)
        assert not is_genuine(headers, body, SECRET + "x", NOW)
    for name in (b"webhook-id", b"webhook-timestamp"):
        headers = standard(body)
        assert not is_genuine({**headers, name: headers[name] + b"1"}, body, SECRET, NOW)
        assert not is_genuine(
            {key: value for key, value in headers.items() if key != name}, body, SECRET, NOW
        )


@given(
    st.dictionaries(
        st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"x-signature"]),
        st.binary(max_size=60)
        | st.sampled_from([b"v1,", b"v1,====", b"sha256=", b"sha256=zz", b"1900000000"]),
    )
)
def test_headers_of_any_bytes_are_a_bad_signature_and_no_error(headers: dict[bytes, bytes]) -> None:
    assert is_genuine(headers, b"{}", SECRET, NOW) is False


@pytest.mark.parametrize("off", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1, 10**9])
def test_an_old_message_and_one_from_the_future_are_refused(off: int) -> None:
    assert not is_genuine(standard(b"{}", timestamp=NOW + off), b"{}", SECRET, NOW)


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed() -> None:
    headers = standard(b"{}")
    old = sign("msg_1", NOW, b"{}", "whsec_b2xk").encode()
    assert is_genuine(
        {**headers, b"webhook-signature": old + b" " + headers[b"webhook-signature"]}, b"{}", SECRET, NOW
    )
    assert is_genuine(
        {**headers, b"webhook-signature": headers[b"webhook-signature"] + b" v2,abc"}, b"{}", SECRET, NOW
    )
    assert not is_genuine({**headers, b"webhook-signature": old + b" " + old}, b"{}", SECRET, NOW)
    another_version = headers[b"webhook-signature"].replace(b"v1,", b"v1a,")
    assert not is_genuine({**headers, b"webhook-signature": another_version}, b"{}", SECRET, NOW)


def test_the_simple_form_may_be_in_capitals_and_needs_its_scheme() -> None:
    value = simple(b"{}")[b"x-signature"]
    assert is_genuine({b"x-signature": b"SHA256=" + value[7:].upper()}, b"{}", SECRET, NOW)
    assert not is_genuine({b"x-signature": value[7:]}, b"{}", SECRET, NOW)
    assert not is_genuine({b"x-signature": b"sha1=" + value[7:]}, b"{}", SECRET, NOW)


def test_a_good_simple_signature_does_not_heal_a_bad_standard_one() -> None:
    assert not is_genuine({**standard(b"{}", timestamp=NOW - 9999), **simple(b"{}")}, b"{}", SECRET, NOW)


def test_what_claims_to_be_signed() -> None:
    assert is_signed({b"webhook-signature": b""})
    assert is_signed({b"x-signature": b""})
    assert not is_signed({b"x-eventbrite-signature": b"guesswork", b"webhook-id": b"1"})
