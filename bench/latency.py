"""From a sale at the platform to the ledger and to the page: with webhooks, with answers that lag, and without.

The clock starts just before the sandbox makes the order and posts its first webhook. Edge, pages and worker run as in
production; one order is in flight at a time, except without webhooks, where orders come every other second.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any, NamedTuple

import psycopg

from bench import ground, reading
from bench.report import Line
from bench.visitor import Visitor

_EMAIL, _PASSWORD = "pat@laughingstock.example", "correct horse battery staple"
_SHOWS = 5
#: How long an order may take before the benchmark gives up.
_PATIENCE = 120.0
_POLL = 0.002
#: Seconds between reads where nothing but reading tells of sales; the default is two minutes.
_READ_EVERY = 10
_ORDERS = re.compile(r'figure=orders">([^<]*)<')


class _Show(NamedTuple):
    """A show on sale: its event at the platform, and its page."""

    event_id: str
    page: str


class _Took(NamedTuple):
    """Seconds until one order was in the ledger, and until its show's page counted it."""

    ledger: float
    page: float


def run(*, quick: bool) -> list[Line]:
    """p50 and p95 of each way; the ratios of waiting without webhooks are to the same figure with them."""
    count = 15 if quick else 60
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    os.environ["HOUSECOUNT_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    with (
        reading.promoter(1_000 if quick else 5_000) as slug,
        psycopg.connect(ground.superuser_url(), autocommit=True) as database,
    ):
        shows = _open_shows(slug)
        with _running("serve", "--port", str(port)), Visitor(port) as visitor:
            _wait(lambda: _sign_in(visitor))
            watch = _Watch(database, visitor)
            with _running("worker"):
                watch.one_by_one(shows, _SHOWS)  # the first hooks find everything cold
                prompt = watch.one_by_one(shows, count)
                _control("limits", {"eventbrite_read_lag_seconds": 1.0})
                lagging = watch.one_by_one(shows, count)
                _control("limits", {"eventbrite_read_lag_seconds": 0.0, "eventbrite_hook_losses": 1.0})
            os.environ["HOUSECOUNT_READ_EVERY"] = str(_READ_EVERY)
            reading.sync(slug, full=False)  # plans the next reads anew
            with _running("worker"):
                silent = watch.all_the_time(shows, count)
    return [
        *_lines("webhooks", prompt),
        *_lines("webhooks, answers lag by 1 s", lagging),
        *_lines(f"reading every {_READ_EVERY} s alone", silent, prompt),
    ]


def _lines(way: str, took: Sequence[_Took], beside: Sequence[_Took] = ()) -> list[Line]:
    lines = []
    for name in _Took._fields:
        figures = _percentiles([getattr(each, name) for each in took])
        others = _percentiles([getattr(each, name) for each in beside]) if beside else (None, None)
        for percentile, figure, other in zip(("p50", "p95"), figures, others, strict=True):
            ratio = figure / other if other else None
            what = f"order to {name}, {way}, {percentile} of {len(took)}"
            lines.append(
                Line("latency", what, figure * 1_000, "ms", ratio, "times with webhooks" if ratio else "")
            )
    return lines


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(seconds, n=20, method="inclusive")
    return cuts[9], cuts[18]


class _Watch:
    """Sells, and looks when it shows."""

    def __init__(self, database: "psycopg.Connection[tuple[Any, ...]]", visitor: Visitor) -> None:
        self._database = database
        self._visitor = visitor

    def one_by_one(self, shows: Sequence[_Show], count: int) -> list[_Took]:
        """`count` orders, each when the last is on its page."""
        return [self._one(shows[number % len(shows)]) for number in range(count)]

    def _one(self, show: _Show) -> _Took:
        before = self._on_page(show)
        begun = time.perf_counter()
        order = _buy(show)
        _wait(lambda: self._in_ledger([order]))
        ledger = time.perf_counter() - begun
        _wait(lambda: self._on_page(show) > before)
        return _Took(ledger, time.perf_counter() - begun)

    def all_the_time(self, shows: Sequence[_Show], count: int) -> list[_Took]:
        """`count` orders of one show after another, two seconds apart, whatever is seen of them."""
        before = {show: self._on_page(show) for show in shows}
        bought: dict[str, tuple[_Show, int, float]] = {}
        ledger: dict[str, float] = {}
        page: dict[str, float] = {}
        sold = dict.fromkeys(shows, 0)
        begun = time.perf_counter()
        while len(page) < count:
            now = time.perf_counter()
            if now - begun > 2 * count + _PATIENCE:
                raise RuntimeError("Orders were not counted in time.")
            if len(bought) < count and now - begun >= 2 * len(bought):
                show = shows[len(bought) % len(shows)]
                sold[show] += 1
                bought[_buy(show)] = (show, sold[show], now)
            unseen = [order for order in bought if order not in ledger]
            for order in self._in_ledger(unseen):
                ledger[order] = time.perf_counter() - bought[order][2]
            for show in {bought[order][0] for order in ledger if order not in page}:
                counted = self._on_page(show) - before[show]
                for order, (its, place, then) in bought.items():
                    if its == show and order in ledger and order not in page and counted >= place:
                        page[order] = time.perf_counter() - then
            time.sleep(_POLL)
        return [_Took(ledger[order], page[order]) for order in bought]

    def _in_ledger(self, orders: Sequence[str]) -> list[str]:
        """Those of `orders` that have an entry."""
        rows = self._database.execute(
            "SELECT DISTINCT order_id FROM box_office_sales_entry WHERE order_id = ANY(%s)", [list(orders)]
        )
        return [str(row[0]) for row in rows]

    def _on_page(self, show: _Show) -> int:
        """How many orders the show's page tells of."""
        status, text = self._visitor.get(show.page)
        found = _ORDERS.search(text)
        if status != 200 or found is None:
            raise RuntimeError(f"The page of a show answered {status}.")
        return int(re.sub(r"\D", "", found[1]) or 0)


def _open_shows(slug: str) -> list[_Show]:
    """Puts some new shows on sale, reads everything once, and finds their pages."""
    from housecount.cli import sales
    from housecount.tenancy import queries, services

    organisation = queries.organisation_by_slug(slug)
    services.create_user(_EMAIL, organisation, "admin", password=_PASSWORD)
    start = datetime.now(UTC) + timedelta(hours=30)
    events = [
        _control(
            "happenings",
            {
                "do": "add_event", "platform": "eventbrite", "name": f"Extra Night {number + 1}",
                "start": (start + timedelta(days=number)).isoformat(),
            },
        )[0]["event"]
        for number in range(_SHOWS)
    ]  # fmt: skip
    reading.sync(slug, full=True)
    pages = {
        listing["external_event_id"]: f"/shows/{show['id']}/"
        for show in sales.count(organisation.pk, slug)["shows"]
        for listing in show["listings"]
    }
    return [_Show(event, pages[event]) for event in events]


def _buy(show: _Show) -> str:
    """One order for two; its id."""
    return str(_control("happenings", {"do": "buy", "event": show.event_id, "quantity": 2})[0]["order"])


def _control(what: str, body: dict[str, Any]) -> Any:
    """What the sandbox answers."""
    base = os.environ["EVENTBRITE_API_URL"].removesuffix("/v3")
    request = urllib.request.Request(f"{base}/_sandbox/{what}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[None]:
    """Runs a command of ours beside us, until the block ends."""
    from housecount.installation import leash

    with subprocess.Popen(
        leash.command("housecount.cli.main", *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _sign_in(visitor: Visitor) -> bool:
    try:
        return visitor.sign_in(_EMAIL, _PASSWORD)
    except OSError:
        return False


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while not condition():
        if time.perf_counter() > deadline:
            raise RuntimeError("Something took too long.")
        time.sleep(_POLL)
