"""`python -m tests.faults [--rounds N] [--seed SEED]`: a long campaign, and a table of what was thrown and lost.

With `--xero` the rounds are against a failing Xero instead; with `--all` they follow the campaign, and the last lines
say how both ended.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from tests.faults.campaign import Campaign, Report, Size


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when nothing was lost and nothing counted twice."""
    parser = argparse.ArgumentParser(
        prog="faults", description="Throws everything at an installation of its own."
    )
    parser.add_argument("--rounds", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=None, help="what is thrown; default: another every time")
    parser.add_argument(
        "--xero", action="store_true", help="rounds against a Xero that fails in every way it can"
    )
    parser.add_argument("--all", action="store_true", help="the campaign, then the rounds against Xero")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    # One seed for both: one number throws all of it again.
    parts = {
        "The platforms": lambda: platforms(given.rounds, seed),
        "Xero": lambda: xero(given.rounds, seed),
    }
    wanted = list(parts) if given.all else ["Xero" if given.xero else "The platforms"]
    ends: dict[str, tuple[int, float]] = {}
    for name in wanted:
        begun = time.monotonic()
        ends[name] = (parts[name](), time.monotonic() - begun)
    print()
    for name, (status, seconds) in ends.items():
        said = "NOT AS IT SHOULD BE, see above" if status else "nothing lost, nothing twice"
        print(f"{name}: {given.rounds} rounds with seed {seed}, {seconds:.0f} seconds: {said}.")
    return 1 if any(status for status, _ in ends.values()) else 0


def platforms(rounds: int, seed: int) -> int:
    """The campaign against the ticketing platforms, on an installation of its own."""
    print(f"A campaign of {rounds} rounds with seed {seed}.", flush=True)
    with Campaign(seed, Size(rounds=rounds)) as campaign:
        report = campaign.run()
        print(table(report), flush=True)
        if report.problems:
            print(campaign.ground.said(), file=sys.stderr)
    return 1 if report.problems else 0


def xero(rounds: int, seed: int) -> int:
    """The rounds against Xero, on a database that is made for them; they are a test that is told to go on longer."""
    print(f"{rounds} rounds against a failing Xero with seed {seed}.", flush=True)
    rounds_test = "tests/faults/test_xero_rounds.py"
    command = [sys.executable, "-m", "pytest", rounds_test, "-n", "0", "-q", "-s", "-o", "timeout=0"]
    more = {"HOUSECOUNT_EXAMPLES": str(max(1, rounds)), "HOUSECOUNT_FAULTS_SEED": str(seed)}
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], env=os.environ | more, check=False
    ).returncode


def table(report: Report) -> str:
    """What was thrown, what came of it, and what was lost."""
    rows: list[tuple[str, str]] = [("Thrown", "")]
    rows += [(f"  {kind}", str(count)) for kind, count in sorted(report.thrown.items())]
    rows += [("Happened at the platforms", "")]
    rows += [(f"  {verb}", str(count)) for verb, count in sorted(report.happened.items())]
    posted = report.answers.total()
    rows += [
        ("Hooks of our own sender", f"{posted}"),
        *((f"  answered with {status or 'nothing'}", str(n)) for status, n in sorted(report.answers.items())),
        ("Hooks of the platform", f"{report.platform_hooks.total()}"),
        *((f"  {what}", str(count)) for what, count in sorted(report.platform_hooks.items())),
        ("Hooks in the log", f"{report.handled.total()}"),
        *((f"  {status}", str(count)) for status, count in sorted(report.handled.items())),
        ("  stored once more after a broken commit", str(report.stored_again)),
        ("  for whom time was made to pass more quickly", str(report.hurried)),
        ("Processes that ended by themselves", str(report.restarts.total())),
        ("Gaps found and closed by sweeps", str(report.gaps)),
        ("Orders and tickets in the ledger", f"{report.counted['orders']}, {report.counted['tickets']}"),
    ]
    if report.settled:
        spread = f"{min(report.settled):.1f} / {median(report.settled):.1f} / {max(report.settled):.1f}"
        rows.append(("Seconds to settle (least / median / most)", spread))
    rows.append(("Lost, counted twice, or otherwise wrong", str(len(report.problems))))
    width = max(len(what) for what, _ in rows)
    lines = [f"{what.ljust(width)}  {value}".rstrip() for what, value in rows]
    if report.problems:
        lines += [f"NOT AS IT SHOULD BE (SEED={report.seed} throws the same again):"]
        lines += [f"  {problem}" for problem in report.problems[:40]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
