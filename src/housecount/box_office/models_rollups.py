"""Sums of the ledger by day and by hour, for whoever asks about a season: see `rollups.py`."""

from django.db import models

from housecount.tenancy.models import Organisation


class FigureColumns(models.Model):
    """`core.counting.Figures` as columns; money in minor units."""

    orders = models.BigIntegerField(default=0)
    sold = models.BigIntegerField(default=0)
    comps = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    gross = models.BigIntegerField(default=0)
    discounts = models.BigIntegerField(default=0)
    refunds = models.BigIntegerField(default=0)
    absorbed_fees = models.BigIntegerField(default=0)
    passed_on_fees = models.BigIntegerField(default=0)
    tax = models.BigIntegerField(default=0)
    rebates = models.BigIntegerField(default=0)
    extras = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class DailyTotal(FigureColumns):
    """What one listing's entries of one day come to: changes, not sums so far. `day` is that on which they
    happened, in the listing's zone. Those of a listing that is gone are kept: whoever adds up leaves it out."""

    pk = models.CompositePrimaryKey("organisation_id", "listing_id", "day", "currency")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    listing = models.ForeignKey(
        "box_office.Listing", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    day = models.DateField()
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "box_office_daily_total"
        indexes = [models.Index(fields=["organisation", "day"], name="daily_total_by_day")]


class AccountDailyTotal(FigureColumns):
    """What one account's entries of one day come to, without those of listings that are gone. `day` is by the clock
    of each entry's listing."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "day", "currency")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        "box_office.Account", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    day = models.DateField()
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "box_office_account_daily_total"


class HourlyTotal(models.Model):
    """What one account's entries of one hour come to, without those of listings that are gone. Day and hour
    (0..23) are by the clock of each entry's listing."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "day", "hour", "currency")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        "box_office.Account", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    day = models.DateField()
    hour = models.SmallIntegerField()
    currency = models.CharField(max_length=3)
    orders = models.BigIntegerField(default=0)
    sold = models.BigIntegerField(default=0)

    class Meta:
        db_table = "box_office_hourly_total"
