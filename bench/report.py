"""What a benchmark found, as a table for people and as JSON for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Line:
    """One figure. `ratio` is what to trust: absolute figures are the machine's. `told` says what it is a ratio of;
    `goal` is the least ratio that is good, or the most where `at_most`."""

    bench: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    told: str = ""
    goal: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None or self.ratio is None:
            return None
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal


def table(lines: Sequence[Line]) -> str:
    """One line per figure."""
    rows = [("", "Figure", "", "Ratio", "", "Goal")]
    for line in lines:
        goal = ""
        if line.goal is not None:
            goal = f"{'at most' if line.at_most else 'at least'} {line.goal:g}: {'met' if line.met else 'NOT MET'}"
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        rows.append((f"{line.bench}: {line.what}", _figure(line.value), line.unit, ratio, line.told, goal))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    right = {1, 3}
    return "\n".join(
        "  ".join(
            cell.rjust(widths[place]) if place in right else cell.ljust(widths[place])
            for place, cell in enumerate(row)
        ).rstrip()
        for row in rows
    )


def document(lines: Sequence[Line], seconds: float) -> str:
    """The same as JSON."""
    return json.dumps(
        {"seconds": round(seconds, 1), "lines": [{**asdict(line), "met": line.met} for line in lines]}
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
