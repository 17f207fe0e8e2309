import json
from pathlib import Path

from housecount.installation import keys
from tests.installation.support import python, run, surroundings

SHOW = """
import json
from housecount import settings
print(json.dumps({name: getattr(settings, name, None) for name in (
    "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_NAME", "SECURE_HSTS_SECONDS", "ALLOWED_HOSTS",
    "CSRF_COOKIE_NAME", "CSRF_TRUSTED_ORIGINS", "EMAIL_BACKEND", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_PORT",
    "DEBUG", "DATABASES", "ALLAUTH_TRUSTED_PROXY_COUNT")}))
"""


def shown(home: Path, **variables: str) -> dict[str, object]:
    done = run(python(SHOW), surroundings(home, **variables))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_importing_them_starts_nothing_and_writes_nothing(home: Path) -> None:
    found = shown(home / "not-there")
    assert not (home / "not-there").exists()
    assert found["DEBUG"] is False
    assert found["SESSION_COOKIE_SECURE"] is False
    assert found["EMAIL_BACKEND"] == "django.core.mail.backends.console.EmailBackend"


def test_behind_https_cookies_travel_over_nothing_else(home: Path) -> None:
    found = shown(home, HOUSECOUNT_PUBLIC_URL="https://tickets.example.org")
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["CSRF_COOKIE_SECURE"] is True
    assert [str(found[name])[:7] for name in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME")] == ["__Host-"] * 2
    assert found["SECURE_HSTS_SECONDS"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://tickets.example.org"]
    assert "tickets.example.org" in found["ALLOWED_HOSTS"]  # type: ignore[operator]
    assert "*" not in found["ALLOWED_HOSTS"]  # type: ignore[operator]


def test_mail_goes_where_the_address_says(home: Path) -> None:
    found = shown(home, HOUSECOUNT_EMAIL_URL="smtp+starttls://me:open%20sesame@mail.example.org")
    assert found["EMAIL_HOST_PASSWORD"] == "open sesame"
    assert (found["EMAIL_USE_TLS"], found["EMAIL_PORT"]) == (True, 587)
    refused = run(python(SHOW), surroundings(home, HOUSECOUNT_EMAIL_URL="mail:opensesame"))
    assert refused.returncode == 1
    assert "HOUSECOUNT_EMAIL_URL" in refused.stderr
    assert "opensesame" not in refused.stderr.split("BadSetting")[-1]


def test_the_connection_is_fit_for_a_transaction_pooling_proxy(home: Path) -> None:
    found = shown(
        home,
        DATABASE_URL="postgres://someone:p%40ss@db.example:6543/show?sslmode=require",
        HOUSECOUNT_SECRET_KEY="k" * 50,
        HOUSECOUNT_ENCRYPTION_KEYS=keys.new_encryption_key(),
    )
    entry = found["DATABASES"]["default"]  # type: ignore[index]
    assert (entry["HOST"], entry["PORT"], entry["NAME"]) == ("db.example", "6543", "show")
    assert (entry["USER"], entry["PASSWORD"]) == ("someone", "p@ss")
    assert entry["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert entry["OPTIONS"] == {"connect_timeout": 10, "prepare_threshold": None, "sslmode": "require"}


def test_the_edge_before_the_pages_counts_as_a_proxy(home: Path) -> None:
    assert shown(home)["ALLAUTH_TRUSTED_PROXY_COUNT"] == 0
    assert shown(home, HOUSECOUNT_PROXIES="2")["ALLAUTH_TRUSTED_PROXY_COUNT"] == 2
    behind = shown(home, HOUSECOUNT_PROXIES="2", HOUSECOUNT_PAGES="unix:/nowhere")
    assert behind["ALLAUTH_TRUSTED_PROXY_COUNT"] == 3
