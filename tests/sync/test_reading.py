"""Whole reads over real HTTP, held against what the sandbox knows to be true."""

from housecount_sandbox.world import World
from tests.sync.conftest import MakePromoter


def test_a_first_read_counts_what_is_true(promoter_of: MakePromoter) -> None:
    promoter = promoter_of(World.small())
    runs = promoter.read()
    assert [run.error for run in runs] == [""] * len(runs)
    assert promoter.count() == promoter.truth()
    assert promoter.differences() == []
