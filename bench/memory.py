"""The most memory a first read holds, and what an idle one costs after it, in a small season and a large one."""

from bench import reading
from bench.report import Line

_MOST_TIMES = 1.25


def run(*, quick: bool) -> list[Line]:
    """Ratios are to the smaller season."""
    sizes = (500, 2_000) if quick else (10_000, 200_000)
    lines: list[Line] = []
    smallest: reading.Read | None = None
    requests = 0.0
    for size in sizes:
        with reading.promoter(size) as slug:
            first = reading.sync(slug, full=True)
            again = reading.sync(slug, full=False)
        told = f"times that at {sizes[0]:,}"
        if smallest is None:
            smallest, requests = first, again.sum("requests")
        goal = None if first is smallest else _MOST_TIMES
        season = f"season of {size:,} orders"
        rate = (first.sum("orders_read") + first.sum("tickets_changed")) / first.seconds
        lines += [
            Line(
                "memory",
                f"first read, {season}",
                first.peak,
                "MiB",
                first.peak / smallest.peak,
                told,
                goal,
                at_most=True,
            ),
            Line("memory", f"first read over HTTP, {season}", rate, "records/s"),
            Line(
                "memory",
                f"idle read, {season}",
                again.sum("requests"),
                "requests",
                again.sum("requests") / requests,
                told,
            ),
        ]
    return lines
