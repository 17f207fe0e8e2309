"""Alerts: opened once for what is wrong, closed when it is over. `dispatch` tells people of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from housecount.box_office import bulk
from housecount.sync.models import Alert
from housecount.sync.troubles import PATIENCE, troubles
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from housecount.tenancy.queries import all_organisations

#: Every organisation is looked at once in so many minutes; one with a sign of trouble every minute, unless so many
#: have one that looking would take long: then something is wrong that concerns all of them.
ROUND = 5
MOST_AT_ONCE = 200

_SIGNS = """
    SELECT organisation_id FROM sync_freshness WHERE reason_code <> ''
    UNION SELECT organisation_id FROM sync_alert WHERE closed_at IS NULL
    UNION SELECT organisation_id FROM sync_agenda WHERE next_at < %s
    UNION SELECT organisation_id FROM webhook_log WHERE status = 'dead' AND organisation_id IS NOT NULL
"""


class Changes(NamedTuple):
    """How many alerts a look opened and closed."""

    opened: int
    closed: int


def to_look_at(now: datetime) -> list[Organisation]:
    """The organisations with a sign of trouble, and those whose turn it is in this minute. A number of them that is
    not much more than `MOST_AT_ONCE`, or a fifth of all."""
    organisations = all_organisations()
    with acting_as(Identity.system()):
        signs = {found for (found,) in bulk.fetch(_SIGNS, [now - PATIENCE])}
    if len(signs) > MOST_AT_ONCE:
        signs.clear()
    turn = int(now.timestamp() // 60) % ROUND
    return [each for each in organisations if each.pk in signs or each.pk.int % ROUND == turn]


def look(organisation: Organisation, now: datetime) -> Changes:
    """Opens an alert for what is wrong and has none, and closes those whose trouble is over. A transaction of its
    own."""
    with acting_as(Identity.system(organisation.pk)):
        here = Alert.objects.filter(organisation_id=organisation.pk, closed_at=None)
        open_alerts = {(alert.cause, alert.subject): alert for alert in here}
        found = {
            (each.cause.value, each.subject): each
            for each in troubles(organisation, now, frozenset(open_alerts))
        }
        new = [
            Alert(
                organisation_id=organisation.pk,
                cause=each.cause.value,
                subject=each.subject,
                text=each.text,
                advice=each.advice,
                opened_at=now,
            )
            for key, each in found.items()
            if key not in open_alerts
        ]
        # Another process may have opened the same one since: one is kept.
        Alert.objects.bulk_create(new, ignore_conflicts=True)
        for key, alert in open_alerts.items():
            said = found.get(key)
            if said is not None and (said.text, said.advice) != (alert.text, alert.advice):
                here.filter(pk=alert.pk).update(text=said.text, advice=said.advice)
        over = [alert.pk for key, alert in open_alerts.items() if key not in found]
        closed = here.filter(pk__in=over).update(
            closed_at=now, attempts=0, next_try_at=None, mail_attempts=0, mail_next_try_at=None
        )
    return Changes(len(new), closed)


def open_alerts(organisation_id: UUID) -> Sequence[Alert]:
    """The organisation's open alerts, the newest first. The caller sets the identity."""
    return list(
        Alert.objects.filter(organisation_id=organisation_id, closed_at=None).order_by("-opened_at", "id")
    )
