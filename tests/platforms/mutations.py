"""Records as no documentation describes them: a true one with some of its values missing, of another type or absurd."""

import copy
from typing import Any

from hypothesis import strategies as st

from tests.examples import LETTERS

_STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(
        [
            10**13,
            10**18,
            10**40,
            -1,
            0.1,
            1e300,
            "1e999999",
            "1e-999999999",
            "NaN",
            "sNaN",
            "-Infinity",
            "-0",
            59.99999999999999,
            0.005,
        ]
    ),
    st.text(LETTERS, max_size=20),
    st.sampled_from(
        ["AUD", "USD", "2026-03-01T08:05:10+11:00", "9999-12-31T23:59:59Z", "\x00\x07", "😀שלום", "1-1"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(LETTERS, max_size=3), st.integers(), max_size=2),
)


@st.composite
def mutated(draw: st.DrawFn, record: Any) -> Any:
    """`record` with one to four of its values, at any depth, removed or replaced."""
    made = copy.deepcopy(record)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(made))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(_STRANGE)
    return made


def _places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
