"""`housecount account connect`, and what it says of the webhook."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from housecount.cli.main import cli
from housecount.installation import environment
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.factories import make_organisation
from tests.promoters import Clock, new_seed, served


class Office:
    """An organisation, and a sandbox whose accounts it connects."""

    def __init__(self, sandbox: Sandbox, patch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self._patch = patch
        organisation_id = make_organisation()
        with acting_as(Identity.system(organisation_id)):
            self.slug = Organisation.objects.get(pk=organisation_id).slug

    def public(self, url: str) -> None:
        self._patch.setenv("HOUSECOUNT_PUBLIC_URL", url)
        environment.load.cache_clear()

    def connect(self, platform: str = "eventbrite", *options: str) -> Result:
        given = self.sandbox.world.credentials()[platform][0]
        ran = CliRunner().invoke(
            cli,
            ["account", "connect", platform, "--organisation", self.slug, "--api-key-stdin", *options],
            input=given["token" if platform == "eventbrite" else "key"],
        )
        assert ran.exit_code == 0, ran.output
        return ran


@pytest.fixture
def office(database: str) -> Iterator[Office]:
    with served(World.blank(seed=new_seed(), now=Clock())) as sandbox, pytest.MonkeyPatch.context() as patch:
        yield Office(sandbox, patch)
    environment.load.cache_clear()


def test_with_a_public_address_the_webhook_is_registered(office: Office) -> None:
    office.public("https://tickets.example.org")
    ran = office.connect("eventbrite", "--json")
    said = json.loads(ran.stdout)
    assert set(said) == {"account", "platform", "name", "webhook_url", "webhook_registered"}
    assert said["webhook_registered"] is True
    [webhook] = office.sandbox.world.eventbrite.accounts[0].webhooks
    assert said["webhook_url"] == webhook.endpoint_url
    assert said["webhook_url"].startswith("https://tickets.example.org/hooks/eventbrite/")
    assert ran.stderr == ""


def test_without_one_the_address_to_enter_by_hand_is_told(office: Office) -> None:
    ran = office.connect("eventbrite", "--json")
    said = json.loads(ran.stdout)
    assert said["webhook_registered"] is False
    assert said["webhook_url"].startswith("http://localhost:8000/hooks/eventbrite/")
    assert "HOUSECOUNT_PUBLIC_URL" in ran.stderr
    assert office.sandbox.world.eventbrite.accounts[0].webhooks == []


def test_why_it_could_not_be_registered_is_told(office: Office) -> None:
    office.public("https://tickets.example.org")
    office.sandbox.faults.set(
        [{"kind": "rate_limit", "platform": "eventbrite", "path": "/webhooks/", "retry_after": 999}]
    )
    ran = office.connect("eventbrite", "--json")
    assert json.loads(ran.stdout)["webhook_registered"] is False
    assert "The webhook is not registered: Eventbrite" in ran.stderr


def test_an_unusual_port_is_warned_of(office: Office) -> None:
    office.public("https://tickets.example.org:8443")
    assert "port 8443" in office.connect().stderr


def test_a_platform_without_webhooks_names_the_address_for_relays(office: Office) -> None:
    office.public("https://tickets.example.org:8443")
    ran = office.connect("humanitix")
    assert "https://tickets.example.org:8443/hooks/humanitix/" in ran.stdout
    assert "has no webhooks" in ran.stdout
    assert "port" not in ran.stderr
