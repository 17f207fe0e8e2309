"""A hash that is stronger than the one of the other tests."""

from tests.world import QuickHasher


class LessQuickHasher(QuickHasher):
    iterations = 2
