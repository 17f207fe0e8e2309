"""From what tickets were listed at to what the promoter gets: the steps in the order money falls, ready to be drawn."""

from collections import defaultdict
from typing import Final, NamedTuple

from housecount.core.counting import Figures, total
from housecount.sync.queries import ShowCount
from housecount.web import words
from housecount.web.show_lines import value_of

#: How wide the whole picture of a step is.
WIDTH: Final = 1000


class Step(NamedTuple):
    """One row of the way from list value to net, or of what stands beside it: a value per platform, and their sum.

    `x`, `width`: where its bar lies on the way; `level` says that it stands on the ground (a sum so far)."""

    figure: str
    name: str
    sign: str
    note: str
    values: tuple[tuple[str, int], ...]
    total: int
    x: int = 0
    width: int = 0
    level: bool = False


_MINUS, _PLUS, _EQUALS = "\N{MINUS SIGN}", "+", "="


def _by_platform(count: ShowCount) -> dict[str, Figures]:
    figures: dict[str, list[Figures]] = defaultdict(list)
    for each in count.listings:
        if each.listing.gone_at is None:
            figures[each.platform].append(each.figures)
    return {key: total(figures[key]) for key in sorted(figures, key=words.platform_slot)}


def platforms(count: ShowCount) -> list[str]:
    """The platforms that have a column of their own: none where there is but one."""
    found = list(_by_platform(count))
    return found if len(found) > 1 else []


def _steps(count: ShowCount, rows: tuple[tuple[str, str, str, str], ...]) -> list[Step]:
    by_platform, columns = _by_platform(count), platforms(count)
    return [
        Step(
            figure=figure,
            name=name,
            sign=sign,
            note=note,
            values=tuple((key, value_of(by_platform[key], figure)) for key in columns),
            total=value_of(count.figures, figure),
        )
        for figure, name, sign, note in rows
    ]


def waterfall(count: ShowCount) -> list[Step]:
    """The steps from list value to net; those of nothing are left out, but gross and net."""
    steps = _steps(
        count,
        (
            ("list_value", "List value", "", "what the tickets cost before anything was taken off"),
            ("discounts", "Discounts", _MINUS, "as far as the platforms tell them"),
            ("refunds", "Refunds", _MINUS, "given back for admission"),
            ("gross", "Gross", _EQUALS, "what buyers paid for admission and did not get back"),
            ("absorbed_fees", "Absorbed fees", _MINUS, "taken out of your share"),
            ("rebates", "Rebates", _PLUS, "given back by the platform"),
            ("net", "Net", _EQUALS, "what the platforms owe you, before tax is remitted"),
        ),
    )
    kept = [step for step in steps if step.total or step.figure in {"gross", "net"}]
    if kept[0].figure == "list_value" and kept[1].figure == "gross":
        # Nothing was taken off: the list value would only say the same twice.
        kept = kept[1:]
    return _drawn(kept)


def _drawn(steps: list[Step]) -> list[Step]:
    most = max(1, *(step.total for step in steps))
    drawn, level = [], 0
    for step in steps:
        if step.sign in {"", _EQUALS} or step.figure == "gross":
            before, level = 0, step.total
        else:
            before, level = level, level + (step.total if step.sign == _PLUS else -step.total)
        left, right = (max(0, side) * WIDTH // most for side in sorted((before, level)))
        drawn.append(step._replace(x=left, width=max(right - left, 2), level=step.sign in {"", _EQUALS}))
    return drawn


def beside(count: ShowCount) -> list[Step]:
    """What is told apart, and is no part of the way from gross to net."""
    steps = _steps(
        count,
        (
            ("passed_on_fees", "Passed-on fees", "", "paid by buyers on top; never in gross"),
            ("tax", "Tax inside gross", "", "as the platforms report it"),
            ("extras", "Extras", "", "add-ons and donations: not admission, kept apart"),
        ),
    )
    return [step for step in steps if step.figure != "extras" or step.total]
