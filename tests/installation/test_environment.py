import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from housecount.installation import environment, keys
from housecount.installation.errors import BadSetting

KEY = "an invented secret key that is long enough to be one"
REAL = {
    "DATABASE_URL": "postgresql://someone:opensesame@db.example/housecount",
    "HOUSECOUNT_SECRET_KEY": KEY,
    "HOUSECOUNT_ENCRYPTION_KEYS": keys.new_encryption_key(),
}


def test_with_nothing_set_everything_has_a_default(tmp_path: Path) -> None:
    found = environment.parse({"HOUSECOUNT_HOME": str(tmp_path)})
    assert found.embedded
    assert found.home == tmp_path
    assert found.humanitix_api_url == "https://api.humanitix.com/v1"
    assert found.eventbrite_api_url == "https://www.eventbriteapi.com/v3"
    assert found.xero_api_url == "https://api.xero.com/api.xro/2.0"
    assert found.xero_calls_per_minute == 60
    assert found.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert not found.secure
    assert (found.proxies, found.refund_days, found.hooks_kept_days) == (0, 60, 30)
    assert (found.operator_token, found.alert_url, found.alert_secret) == (None, None, None)


def test_what_an_operator_may_set() -> None:
    secret = "whsec_" + base64.b64encode(b"an invented secret of its own").decode()
    found = environment.parse(
        {"HOUSECOUNT_OPERATOR_TOKEN": f" {'t' * 24} ", "HOUSECOUNT_PROXIES": "2", "HOUSECOUNT_REFUND_DAYS": "90",
         "HOUSECOUNT_HOOKS_KEPT_DAYS": "7", "HOUSECOUNT_ALERT_URL": "https://alerts.example.org/x?key=1",
         "HOUSECOUNT_ALERT_SECRET": secret}
    )  # fmt: skip
    assert (found.proxies, found.refund_days, found.hooks_kept_days) == (2, 90, 7)
    assert found.operator_token == "t" * 24
    assert (found.alert_url, found.alert_secret) == ("https://alerts.example.org/x?key=1", secret)


def test_addresses_lose_their_trailing_slash_and_the_public_one_is_allowed() -> None:
    found = environment.parse(
        {"HUMANITIX_API_URL": "http://127.0.0.1:9/v1/", "HOUSECOUNT_PUBLIC_URL": "https://tickets.example.org/",
         "HOUSECOUNT_ALLOWED_HOSTS": "inside.example.org, "}
    )  # fmt: skip
    assert found.humanitix_api_url == "http://127.0.0.1:9/v1"
    assert found.public_url == "https://tickets.example.org"
    assert found.secure
    assert found.allowed_hosts[-2:] == ("tickets.example.org", "inside.example.org")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HUMANITIX_API_URL", "api.humanitix.example"),
        ("EVENTBRITE_API_URL", "ftp://eventbrite.example/v3"),
        ("XERO_API_URL", "https://host:port/x"),
        ("HOUSECOUNT_PUBLIC_URL", "https://sesame:opensesame@tickets.example.org"),
        ("HOUSECOUNT_PUBLIC_URL", "https://tickets.example.org/?token=opensesame"),
        ("DATABASE_URL", "mysql://someone:opensesame@db.example/housecount"),
        ("XERO_CALLS_PER_MINUTE", "-5"),
        ("HOUSECOUNT_SECRET_KEY", "opensesame"),
        ("HOUSECOUNT_ENCRYPTION_KEYS", "opensesame"),
        ("HOUSECOUNT_OPERATOR_TOKEN", "opensesame" * 2),
        ("HOUSECOUNT_OPERATOR_TOKEN", "opensesame " * 4 + "x"),
        ("HOUSECOUNT_PROXIES", "-1"),
        ("HOUSECOUNT_REFUND_DAYS", "0.5"),
        ("HOUSECOUNT_HOOKS_KEPT_DAYS", "\u0663"),
        ("HOUSECOUNT_HOOKS_KEPT_DAYS", "9" * 5000),
        ("HOUSECOUNT_ALERT_URL", "opensesame.example/alerts"),
        ("HOUSECOUNT_ALERT_URL", "https://opensesame:port/"),
        ("HOUSECOUNT_ALERT_SECRET", "whsec_opensesame"),
        ("HOUSECOUNT_ALERT_SECRET", base64.b64encode(b"opensesame" * 4).decode()),
        ("HOUSECOUNT_ALERT_SECRET", "whsec_" + "opensesame!" * 4),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable_and_never_repeated(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as refused:
        environment.parse({name: value})
    assert name in refused.value.message
    assert value not in refused.value.message
    assert "opensesame" not in refused.value.message


@pytest.mark.parametrize("missing", ["HOUSECOUNT_SECRET_KEY", "HOUSECOUNT_ENCRYPTION_KEYS"])
def test_a_database_of_ones_own_needs_keys_of_ones_own(missing: str) -> None:
    assert environment.parse(REAL).encryption_keys == (REAL["HOUSECOUNT_ENCRYPTION_KEYS"],)
    with pytest.raises(BadSetting, match=missing):
        environment.parse({name: value for name, value in REAL.items() if name != missing})


def test_no_secret_shows_in_the_repr() -> None:
    found = environment.parse(
        {**REAL, "HUMANITIX_API_KEY": "opensesame1", "EVENTBRITE_API_KEY": "opensesame2",
         "XERO_CLIENT_SECRET": "opensesame3", "HOUSECOUNT_EMAIL_URL": "smtp://a:opensesame4@mail.example",
         "HUMANITIX_WEBHOOK_SECRET": "opensesame5", "EVENTBRITE_WEBHOOK_SECRET": "opensesame6",
         "XERO_WEBHOOK_KEY": "opensesame7", "HOUSECOUNT_OPERATOR_TOKEN": "opensesame8" * 3,
         "HOUSECOUNT_ALERT_URL": "https://alerts.example/?key=opensesame9",
         "HOUSECOUNT_ALERT_SECRET": f"whsec_{'opensesame' * 4}"}
    )  # fmt: skip
    for secret in ("opensesame", KEY, REAL["HOUSECOUNT_ENCRYPTION_KEYS"]):
        assert secret not in repr(found)
    assert found.humanitix_api_key == "opensesame1"


def test_the_settings_file_fills_in_what_the_environment_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / environment.SETTINGS_FILE).write_text(
        "# invented\n\nHUMANITIX_API_URL=http://127.0.0.1:1/v1\nEVENTBRITE_API_URL = http://127.0.0.1:2/v3\n"
    )
    for name in [name for name in os.environ if name.startswith(("DATABASE_", "HOUSECOUNT_", "HUMANITIX_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOUSECOUNT_HOME", str(tmp_path))
    monkeypatch.setenv("EVENTBRITE_API_URL", "http://127.0.0.1:3/v3")
    environment.load.cache_clear()
    try:
        found = environment.load()
        assert found.humanitix_api_url == "http://127.0.0.1:1/v1"
        assert found.eventbrite_api_url == "http://127.0.0.1:3/v3"
        (tmp_path / environment.SETTINGS_FILE).write_text("opensesame\n")
        environment.load.cache_clear()
        with pytest.raises(BadSetting, match="Line 1") as refused:
            environment.load()
        assert "opensesame" not in refused.value.message
    finally:
        environment.load.cache_clear()


def test_keys_are_made_once_even_when_two_make_them_at_once_and_only_the_owner_reads_them(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(keys.ensure_keys, tmp_path) for _ in range(16)]:
            done.result()
    first = keys.read_encryption_keys(tmp_path), keys.read_secret_key(tmp_path)
    keys.ensure_keys(tmp_path)
    assert (keys.read_encryption_keys(tmp_path), keys.read_secret_key(tmp_path)) == first
    Fernet(first[0])
    assert len(first[1]) >= 50
    assert {path.name for path in tmp_path.iterdir()} == {"encryption-keys", "secret-key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_the_form_of_a_key_is_known() -> None:
    assert keys.is_encryption_key(Fernet.generate_key().decode())
    for wrong in ("", "a", "é" * 44, "A" * 44, "A" * 45, Fernet.generate_key().decode()[:-4]):
        assert not keys.is_encryption_key(wrong)
