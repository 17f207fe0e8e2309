"""Tax that is kept back from a supplier who quotes no ABN. Source: TAA 1953 (AU) Sch 1 s 12-190."""

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


def withheld(payout: Payout, *, drop_cents: bool = False) -> int:
    """What is kept back from the whole payment, in minor units.

    Nothing up to the limit (the payments for one supply are tested together: W-5), and nothing under an exception
    with evidence on file that day; an exception without evidence is none (W-4). A number that fails its checksum
    counts as not quoted (W-8). `drop_cents`: whether cents are dropped is not settled (W-3). Raises `NoRate`.
    """
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
