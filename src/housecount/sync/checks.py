"""What `housecount doctor` asks of the engine: (name, state, sentence), where state is ok, warn or fail."""

import asyncio
from collections.abc import Callable, Iterable

from housecount.box_office.models import Account, AccountState, SetAside
from housecount.core.errors import HousecountError
from housecount.platforms import registry
from housecount.platforms.base.errors import ConfigError
from housecount.sync import accounts, queries
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from housecount.tenancy.queries import all_organisations

Finding = tuple[str, str, str]


def platforms() -> Iterable[Finding]:
    """Whether each account's key still opens its platform: one cheap read per account."""
    for organisation in all_organisations():
        for account in accounts.accounts_of(organisation.pk):
            if account.state == AccountState.ACTIVE:
                yield (_label(organisation, account), *asyncio.run(_answers(account)))


async def _answers(account: Account) -> tuple[str, str]:
    source = registry.source(account.platform)
    try:
        await accounts.check(
            source, crypto.decrypt(account.credential), [each for each in account.regions if each]
        )
    except ConfigError as error:
        return "fail", error.message
    except HousecountError as error:
        return "warn", error.message
    return "ok", f"{source.label} answers and accepts the key."


def freshness() -> Iterable[Finding]:
    """Whether the accounts' figures are as fresh as they should be, and why not."""
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            documents = queries.account_documents(organisation.pk)
        for document in documents:
            name = f"{organisation.slug}: freshness of {document['name']}"
            if document["stale"]:
                yield name, "warn", f"{document['stale_reason']} Last read: {document['as_of'] or 'never'}."
            else:
                yield name, "ok", f"as of {document['as_of']}, swept {document['last_sweep_at']}."


def records() -> Iterable[Finding]:
    """Whether records were set aside because they could not be read."""
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            count = SetAside.objects.filter(organisation_id=organisation.pk, notice=False).count()
        if count:
            yield (
                f"{organisation.slug}: records",
                "warn",
                f"{count} could not be read and are not counted; the page Accounts says why.",
            )


def _label(organisation: Organisation, account: Account) -> str:
    return f"{organisation.slug}: {account.name}"


CHECKS: list[Callable[[], Iterable[Finding]]] = [platforms, freshness, records]
