"""Tax rates and thresholds, as dated data. A date for which nothing is known raises; nothing is guessed.

Sources: A New Tax System (GST) Act 1999 ss 9-70 and 29-70; TAA 1953 Sch 1 s 12-190; GST Act 1985 (NZ) s 8;
VAT Act 1994 (UK) s 2. Money in minor units of the country's currency, rates in hundredths of a per cent.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from housecount.core.errors import HousecountError, NextStep


class NoRate(HousecountError):
    """A date or country for which no rate is on file."""

    code = "no_rate"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


#: What a value has been, from which day on; the newest last.
Dated = Sequence[tuple[date, int]]

#: GST or VAT on a taxable supply.
TAX: Final[Mapping[str, Dated]] = {
    "AU": [(date(2000, 7, 1), 1000)],
    "NZ": [(date(1989, 7, 1), 1250), (date(2010, 10, 1), 1500)],
    "GB": [(date(2011, 1, 4), 2000)],
}
#: From this total, tax included, an Australian tax invoice must name its buyer.
BUYER_NAMED_FROM: Final[Dated] = [(date(2010, 7, 1), 100_000)]
#: Up to this total, tax included, nobody can ask for an Australian tax invoice.
TAX_INVOICE_ABOVE: Final[Dated] = [(date(2007, 7, 1), 8_250)]
#: More than this, without tax, paid to a supplier who quotes no ABN: tax is withheld.
WITHHOLD_ABOVE: Final[Dated] = [(date(2007, 7, 1), 7_500)]
#: The share that is then withheld of the whole payment: the top rate with the Medicare levy.
WITHHOLD: Final[Dated] = [(date(2006, 7, 1), 4_650), (date(2014, 7, 1), 4_900), (date(2017, 7, 1), 4_700)]
#: What a supplier under 18 may earn a week before withholding.
MINOR_WEEKLY: Final[Dated] = [(date(2000, 7, 1), 35_000)]
#: Days after the buyer asked, by which they have the tax invoice: in Australia, and in New Zealand.
TAX_INVOICE_WITHIN: Final[Dated] = [(date(2000, 7, 1), 28)]
#: Days after a sale, or after its value was set, by which the supplier has a copy of an RCTI.
RCTI_COPY_WITHIN: Final[Dated] = [(date(2000, 7, 1), 28)]
#: Days in which a supplier may object to an agreement that is embedded in an RCTI.
RCTI_OBJECTION_WITHIN: Final[Dated] = [(date(2023, 1, 1), 21)]


def on(dated: Dated, day: date) -> int:
    """The value that holds on `day`. Raises `NoRate` for a day before the first."""
    for since, value in reversed(dated):
        if since <= day:
            return value
    raise NoRate(f"No rate or limit is on file for {day.isoformat()}. Check the date.")


def tax_rate(country: str, day: date) -> int:
    """The rate on a taxable supply in `country` on `day`. Raises `NoRate`."""
    if country not in TAX:
        raise NoRate(f"No rate of tax is on file for “{country}”. There are {', '.join(sorted(TAX))}.")
    return on(TAX[country], day)
