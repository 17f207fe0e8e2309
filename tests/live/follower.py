"""Somebody who follows an organisation's change feed."""

from uuid import UUID

from housecount.live.queries import MOST, Change, changes_since, latest
from housecount.tenancy.identity import Identity, acting_as


class Follower:
    """Reads the feed by its cursor, from when it was made."""

    def __init__(self, organisation_id: UUID) -> None:
        self.organisation_id = organisation_id
        self.cursor = self.latest()

    def latest(self) -> int:
        with acting_as(Identity.system(self.organisation_id)):
            return latest(self.organisation_id)

    def read(self, limit: int = MOST) -> list[Change]:
        """What changed since the last read."""
        with acting_as(Identity.system(self.organisation_id)):
            changes, self.cursor = changes_since(self.organisation_id, self.cursor, limit)
        return changes

    def told(self) -> set[tuple[str, str, bool]]:
        """The same as (kind, id, removed), each of which comes once."""
        changes = self.read()
        found = {(each.kind, each.id, each.removed) for each in changes}
        assert len(found) == len(changes), changes
        return found
