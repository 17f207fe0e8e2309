"""How many examples a property is tried with."""

import os


def examples(count: int) -> int:
    """`count`, times the variable HOUSECOUNT_EXAMPLES when it is set."""
    return max(1, round(count * float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1)))
