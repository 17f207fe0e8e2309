"""Tax that is kept back from what a supplier is paid: from one who quotes no ABN (Australia), and from entertainers
(New Zealand's schedular payments).

Sources: TAA 1953 (AU) Sch 1 s 12-190; Inland Revenue (NZ) on schedular payments. No schedular rate is on file: it is
the payee's own, from the form they hand in.
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from housecount.core import identifiers, rates
from housecount.core.gates import passes
from housecount.core.tax import half_up


class Ground(StrEnum):
    """Why nothing is kept back although there is no ABN. Each needs evidence on file."""

    UNDER_18 = "under_18"
    HOBBY = "hobby"
    PRIVATE = "private"
    INPUT_TAXED = "input_taxed"
    EXEMPT_INCOME = "exempt_income"
    NO_ENTERPRISE = "no_enterprise"
    AGENT_ABN = "agent_abn"


class Schedular(StrEnum):
    """Why a New Zealand entertainer who is no company is paid in full. Each needs evidence on file."""

    CERTIFICATE = "certificate"
    SPECIAL_RATE_ZERO = "special_rate_zero"
    NOT_AN_ENTERTAINER = "not_an_entertainer"


class Payee(NamedTuple):
    """What is known of a New Zealand payee: their rate in hundredths of a per cent, or why there is none."""

    company: bool
    rate: int | None = None
    exemption: str = ""


class Payout(NamedTuple):
    """A payment to a supplier, in minor units. `net` is without tax, and together with `net_besides`, the other
    payments for the same supply; `week` is all that the supplier gets in that week."""

    country: str
    abn: str
    on: date
    net: int
    total: int
    net_besides: int = 0
    week: int = 0
    exception: str = ""
    evidence_on: date | None = None
    payee: Payee | None = None
    """A payee of New Zealand, paid from there."""


def withheld(payout: Payout, *, drop_cents: bool = False) -> int:
    """What is kept back from the whole payment, in minor units.

    Nothing up to the limit (the payments for one supply are tested together: W-5), and nothing under an exception
    with evidence on file that day; an exception without evidence is none (W-4). A number that fails its checksum
    counts as not quoted (W-8). `drop_cents`: whether cents are dropped is not settled (W-3). Raises `NoRate`.
    """
    if payout.payee is not None:
        return schedular(payout.payee, payout.net)
    if payout.country != "AU" or payout.total <= 0 or passes(identifiers.abn, payout.abn):
        return 0
    if payout.net + payout.net_besides <= rates.on(rates.WITHHOLD_ABOVE, payout.on):
        return 0
    if _excepted(payout):
        return 0
    amount = half_up(payout.total * rates.on(rates.WITHHOLD, payout.on), 10_000)
    return amount // 100 * 100 if drop_cents else amount


def _excepted(payout: Payout) -> bool:
    if not payout.exception or payout.evidence_on is None or payout.evidence_on > payout.on:
        return False
    if payout.exception == Ground.UNDER_18:
        return max(payout.week, payout.total) <= rates.on(rates.MINOR_WEEKLY, payout.on)
    return payout.exception in set(Ground)


def undecided(payee: Payee) -> bool:
    """Whether nobody has said yet what is kept back from a New Zealand payee: then nothing is to be paid (W-9)."""
    return not payee.company and payee.rate is None and payee.exemption not in set(Schedular)


def schedular(payee: Payee, net: int) -> int:
    """What is kept back from a schedular payment of `net`, which is without GST; 0 while it is `undecided`."""
    if payee.company or payee.rate is None or payee.exemption in set(Schedular):
        return 0
    return half_up(max(0, net) * payee.rate, 10_000)


def given_back(kept: int, whole: int, before: int, now: int) -> int:
    """What of the tax that is kept back from a document of `whole` falls away when `now` of it is credited, after
    `before` of it was. However it is credited in parts, all of it comes to all that was kept back."""
    if whole <= 0:
        return 0
    return half_up(kept * (before + now), whole) - half_up(kept * before, whole)


def grossed_up(paid: int, whole: int, kept: int) -> int:
    """What `paid` settles of a document of `whole`, of which `kept` goes to the tax office: each payment carries its
    part of that."""
    claim = whole - kept
    return half_up(paid * whole, claim) if claim > 0 else paid
