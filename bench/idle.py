"""What it costs to ask when nothing has changed: requests and seconds of a read of a whole season, read before."""

from bench import reading
from bench.report import Line


def run(*, quick: bool) -> list[Line]:
    """Per platform; the ratio is to the requests of the first read."""
    amount = 1_000 if quick else 25_000
    with reading.promoter(amount) as slug:
        first = reading.sync(slug, full=True)
        again = reading.sync(slug, full=False)
    lines = []
    for platform in sorted({row["platform"] for row in first.accounts}):
        accounts = sum(row["platform"] == platform for row in first.accounts)
        what = f"{platform}, {accounts} account{'s' if accounts > 1 else ''}, season of {amount:,} orders"
        ratio = again.sum("requests", platform) / first.sum("requests", platform)
        told = "of the first read's"
        lines.append(Line("idle", what, again.sum("requests", platform), "requests", ratio, told))
    seconds = Line(
        "idle", "all accounts", again.seconds, "seconds", again.seconds / first.seconds, "of the first read's"
    )
    return [*lines, seconds]
