"""Whole reads over real HTTP, held against what the sandbox knows to be true."""

from housecount_sandbox.world import World
from tests.promoters import Promoter, served


def test_a_first_read_counts_what_is_true() -> None:
    with served(World.small()) as sandbox:
        promoter = Promoter(sandbox)
        runs = promoter.read()
        assert [run.error for run in runs] == [""] * len(runs)
        assert promoter.count() == promoter.truth()
        assert promoter.differences() == []
