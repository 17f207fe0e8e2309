"""The demo's books: let in by consent, with documents that went through, one that differs and one that waits."""

from __future__ import annotations

import pytest

from housecount.cli import demo_books
from housecount.installation import environment
from housecount.invoices.models import Party
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from tests.invoices.office import Office
from tests.xero.desk import open_desk

pytestmark = pytest.mark.slow


class Bare(Office):
    """Nobody has set it up yet."""

    def ourselves(self, **changes: object) -> Party:
        return Party()


def test_the_demo_is_let_in_as_anybody_is_and_begins_with_something_to_see(
    database: str, plain_paper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(Bare()) as desk:
        apps = [
            demo_books.App(each["kind"], each["client_id"], each["client_secret"], each["webhook_key"])
            for each in desk.world.xero.credentials()
        ]
        for name, value in demo_books.registration(apps).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOUSECOUNT_PUBLIC_URL", "http://127.0.0.1:8123")
        desk.world.xero.serve_site("http://127.0.0.1:8123")
        environment.load.cache_clear()
        with acting_as(desk.office.identity):
            organisation = Organisation.objects.get(pk=desk.office.organisation_id)
        assert not demo_books.connected(organisation)
        desk.person("consent", refuses=True)
        assert "did not let the demo in" in demo_books.keep(organisation, desk.sandbox.xero_api_url)
        desk.person("consent")
        assert demo_books.keep(organisation, desk.sandbox.xero_api_url) == ""
        assert demo_books.connected(organisation)
        row = desk.row()
        assert (row.custom, row.client_id, row.mapping["bank"]) == (False, apps[0].client_id, "090")
        assert len(desk.documents()) == 3
        assert [each["stage"] for each in desk.status()["open"]] == ["blocked"]
        assert {field for _, field, *_ in desk.drift()} == {"due_date"}
