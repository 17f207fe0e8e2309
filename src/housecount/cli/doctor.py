"""`housecount doctor`: one sentence per thing that has to be right."""

import importlib
from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec

import click

from housecount.cli.output import emit, json_option
from housecount.core.errors import HousecountError
from housecount.installation import examination, setup
from housecount.installation.examination import Finding, State

# Floors above ours add checks: modules with a list `CHECKS` of functions without arguments.
_MORE = ("housecount.sync.checks", "housecount.intake.checks", "housecount.web.checks")


@click.command()
@click.option(
    "--send-test-alert",
    "test_alert",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[SLUG]",
    help="Also send a test alert: to HOUSECOUNT_ALERT_URL, and by mail to who is told of the organisation's alerts. "
    "SLUG names the organisation where there are several.",
)
@json_option
def doctor(test_alert: str | None) -> None:
    """Check this installation; exit 1 when something is wrong."""
    findings = list(examine())
    if test_alert is not None and not any(
        found.name == examination.DATABASE and found.state is State.FAIL for found in findings
    ):
        findings += examination.guarded("test alert", partial(_send_test_alert, test_alert))
    worst = any(finding.state is State.FAIL for finding in findings)
    emit(
        {
            "ok": not worst,
            "checks": [
                {"name": found.name, "state": found.state.value, "sentence": found.sentence}
                for found in findings
            ],
        },
        lambda: "\n".join(f"{_MARKS[found.state]} {found.name}: {found.sentence}" for found in findings),
    )
    click.get_current_context().exit(1 if worst else 0)


_MARKS = {State.OK: "ok  ", State.WARN: "look", State.FAIL: "FAIL"}


def examine() -> Iterable[Finding]:
    """All checks in order; what cannot be checked because of something before it is left out."""
    try:
        setup.set_up_django()
    except HousecountError as error:
        return [Finding(examination.DATABASE, State.FAIL, error.message)]
    more = [check for name in _MORE if find_spec(name) for check in importlib.import_module(name).CHECKS]
    return examination.examine(more)


def _send_test_alert(slug: str) -> Iterable[Finding]:
    from housecount.sync import dispatch

    for way, trouble in dispatch.send_test(slug):
        said = trouble or "it was taken."
        yield Finding(f"test alert by {way}", State.FAIL if trouble else State.OK, said)
