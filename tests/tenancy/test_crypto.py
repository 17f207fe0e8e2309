"""Secrets at rest, and out of sight."""

import copy
import json
import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.installation import environment, keys
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret, decrypt, encrypt, fingerprint, keyed_hash, rotate
from housecount.tenancy.errors import KeyMissing
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Invitation
from housecount.tenancy.services import invite
from tests.examples import LETTERS
from tests.world import make_house


@pytest.fixture
def with_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def use(*ring: str) -> None:
        monkeypatch.setenv("HOUSECOUNT_ENCRYPTION_KEYS", ",".join(ring))
        environment.load.cache_clear()

    yield use
    monkeypatch.undo()
    environment.load.cache_clear()


@given(st.text(LETTERS))
def test_what_is_encrypted_comes_back(text: str) -> None:
    token = encrypt(text)
    assert decrypt(token).reveal() == text
    assert decrypt(memoryview(token)).reveal() == text
    if len(text) > 3:
        assert text.encode() not in token


def test_a_new_key_reads_old_secrets_and_rotation_frees_the_old_key(with_keys: object) -> None:
    old, new = keys.new_encryption_key(), keys.new_encryption_key()
    with_keys(old)  # type: ignore[operator]
    token = encrypt("the key of the platform")
    with_keys(new, old)  # type: ignore[operator]
    assert decrypt(token).reveal() == "the key of the platform"
    rotated = rotate(token)
    with_keys(new)  # type: ignore[operator]
    assert decrypt(rotated).reveal() == "the key of the platform"
    with pytest.raises(KeyMissing, match="HOUSECOUNT_ENCRYPTION_KEYS"):
        decrypt(token)
    with pytest.raises(KeyMissing):
        rotate(token)


def test_a_keyed_hash_survives_the_rotation_of_encryption_keys(with_keys: object) -> None:
    before = keyed_hash("buyer@example.com")
    with_keys(keys.new_encryption_key())  # type: ignore[operator]
    assert keyed_hash("buyer@example.com") == before


def test_a_keyed_hash_tells_people_apart_and_not_organisations_together() -> None:
    assert keyed_hash(" Buyer@Example.com ", "a") == keyed_hash("buyer@example.com", "a")
    assert keyed_hash("buyer@example.com", "a") != keyed_hash("buyer@example.com", "b")
    assert keyed_hash("buyer@example.com", "a") != keyed_hash("seller@example.com", "a")
    assert len(keyed_hash("")) == 32


def test_a_keyed_hash_needs_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keyed_hash("buyer@example.com"), fingerprint("key")
    monkeypatch.setenv("HOUSECOUNT_SECRET_KEY", "another invented key, as long as the first one was")
    environment.load.cache_clear()
    after = keyed_hash("buyer@example.com"), fingerprint("key")
    monkeypatch.undo()
    environment.load.cache_clear()
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_fingerprint_tells_secrets_apart_without_showing_them() -> None:
    assert fingerprint("abc") == fingerprint(Secret("abc"))
    assert fingerprint("abc") != fingerprint("abd")
    assert len(fingerprint("abc")) == 16
    int(fingerprint("abc"), 16)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        "{}".format,
        "{!r:>5}".format,
        lambda s: f"{s}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031 - what logging does
        lambda s: str([s]),
    ],
)
def test_a_secret_does_not_print_itself(show: object) -> None:
    assert "hunter2" not in show(Secret("hunter2"))  # type: ignore[operator]


def test_a_secret_does_not_travel() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret("hunter2"))
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))
    with pytest.raises(TypeError):
        copy.copy(Secret("hunter2"))


def test_secrets_compare() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


def test_every_registered_secret_is_rotated_in_every_organisation(
    with_keys: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crypto, "_secret_columns", {})
    monkeypatch.setattr(crypto, "_other_secrets", {})
    crypto.register_secret_columns("tenancy.Invitation", "token_hash")
    old, new = keys.new_encryption_key(), keys.new_encryption_key()
    with_keys(old)  # type: ignore[operator]
    kept = []
    for house in (make_house(), make_house()):
        with acting_as(house.system):
            invitation, _ = invite(house.organisation.pk, "new@example.com", "act", None)
            Invitation.objects.filter(pk=invitation.pk).update(token_hash=encrypt(house.marker))
        kept.append((house, invitation.pk))
    with_keys(new, old)  # type: ignore[operator]
    monkeypatch.setattr(crypto, "_organisation_ids", lambda: [house.organisation.pk for house, _ in kept])
    assert crypto.rotate_secrets() == {"tenancy.Invitation.token_hash": 2}
    with_keys(new)  # type: ignore[operator]
    for house, pk in kept:
        with acting_as(house.system):
            assert decrypt(Invitation.objects.get(pk=pk).token_hash).reveal() == house.marker
