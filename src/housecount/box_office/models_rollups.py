"""Sums of the ledger by day, by hour and by show, for whoever asks about a season: see `rollups.py`."""

from typing import Final

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


#: Columns by the hour of the day, 0 to 23, on the same clock as the day: orders placed in it. None, which takes no
#: room, where there are none.
HOURS: Final = tuple(f"placed_{hour:02}" for hour in range(24))


class HourColumns(models.Model):
    """`HOURS` as columns."""

    class Meta:
        abstract = True


for _name in HOURS:
    HourColumns.add_to_class(_name, models.IntegerField(null=True))


class DailyTotal(FigureColumns, HourColumns):
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


class AccountDailyTotal(FigureColumns, HourColumns):
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


class VenueDailyTotal(FigureColumns, HourColumns):
    """What the listings of one account that are sold at one venue come to on one day, without those that are gone.
    `day` is by the clock of each entry's listing; the venue is that of the listing's show."""

    pk = models.CompositePrimaryKey("organisation_id", "venue_id", "account_id", "day", "currency")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    venue = models.ForeignKey(
        "box_office.Venue", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        "box_office.Account", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    day = models.DateField()
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "box_office_venue_daily_total"


class ShowTotal(FigureColumns):
    """What one show's listings come to together, without those that are gone: `listings` says how many there are,
    `told_capacity` is the largest that any of their platforms told (None: none did)."""

    pk = models.CompositePrimaryKey("organisation_id", "show_id")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    show = models.ForeignKey(
        "box_office.Show", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    listings = models.IntegerField(default=0)
    told_capacity = models.IntegerField(null=True)

    class Meta:
        db_table = "box_office_show_total"
