"""The change feed as it is kept. Only the triggers of `triggers.py` write here."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from housecount.tenancy.models import Organisation


class _Numbered(models.Model):
    """Named without a foreign key: it would be checked while the counter is locked, and wait for other locks."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True


class Changed(_Numbered):
    """What one transaction changed of one kind: `ids` of things that are there, or (`removed`) are not any more.

    Every id has a number of its own, counted by organisation without a gap in the order of commits. `sequence` is
    that of the last of `ids`; they are numbered upwards to it.
    """

    pk = models.CompositePrimaryKey("organisation_id", "sequence")
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    ids = ArrayField(models.TextField())
    removed = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        db_table = "live_change"
        # What is old is found without reading the rest: rows lie in the table in the order of time.
        indexes = [models.Index(fields=["organisation", "at"], name="change_by_age")]


class Counter(models.Model):
    """The last number given in an organisation, and the last that was forgotten."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False
    )
    last = models.BigIntegerField(default=0)
    forgotten = models.BigIntegerField(default=0)

    class Meta:
        db_table = "live_counter"
