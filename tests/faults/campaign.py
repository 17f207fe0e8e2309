"""A campaign: rounds of everything that can go wrong, and after each of them the whole truth.

The seed decides what is thrown and when; how the processes take it is up to the machine. The processes are the real
commands, the platforms are the sandbox, the database is a server of their own with fsync.
"""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from housecount.installation import leash
from housecount_sandbox.clock import MachineClock
from housecount_sandbox.faults import Fault
from housecount_sandbox.limits import Limits
from housecount_sandbox.sandbox import Sandbox
from tests.faults import checks, season
from tests.faults.company import Company, Member
from tests.faults.front_door import FrontDoor
from tests.faults.ground import Ground, free_port, wait_for
from tests.faults.senders import RELAY_PATH, Hook, Sender, eventbrite_hook, humanitix_hook
from tests.faults.storm import HOOK_WEATHER, Throw, plan

RELAY_SECRET = "an invented secret of a relay"
OPERATOR_TOKEN = "an-invented-token-of-an-operator"
_ACTIONS = ("order.placed", "order.updated", "order.refunded")
_SETTLE_SECONDS = 240.0
_TICK = 0.02
_NOBODY_WAITS = 60.0


@dataclass(frozen=True)
class Size:
    """How much is thrown: `throws`, `happenings` and `hooks` in each of `rounds` of `seconds`. A `patient` campaign
    waits at its end until what was in dead workers' hands has been taken from them."""

    rounds: int = 3
    seconds: float = 4.0
    throws: int = 12
    happenings: int = 30
    hooks: int = 40
    patient: bool = True


@dataclass
class Report:
    """What was thrown by kind, what was asked and answered, how long each round took to settle, and what was lost."""

    seed: int
    thrown: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    platform_hooks: Counter[str] = field(default_factory=Counter)
    handled: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    settled: list[float] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    stored_again: int = 0
    hurried: int = 0
    problems: list[str] = field(default_factory=list)


class Campaign:
    """`with Campaign(seed, size) as campaign: report = campaign.run()`"""

    def __init__(self, seed: int, size: Size) -> None:
        self.seed = seed
        self.size = size
        self.report = Report(seed)
        self.world = season.make_world(seed)
        self._stack = ExitStack()
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self._faults: list[Fault] = []
        self._wrong_seconds = 0.0
        # From when to when the database was taken away.
        self.breaks: list[tuple[datetime, datetime]] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.ground = stack.enter_context(Ground())
            self.sandbox = stack.enter_context(Sandbox(self.world))
            ports = [free_port() for _ in range(3)]
            self.door = stack.enter_context(FrontDoor([("127.0.0.1", port) for port in ports[:2]]))
            self.ground.surroundings |= {
                "HOUSECOUNT_PUBLIC_URL": self.door.url,
                "HOUSECOUNT_READ_EVERY": "2",
                "HOUSECOUNT_OPERATOR_TOKEN": OPERATOR_TOKEN,
                "HUMANITIX_WEBHOOK_SECRET": RELAY_SECRET,
                "EVENTBRITE_API_URL": self.sandbox.eventbrite_url,
                "HUMANITIX_API_URL": self.sandbox.humanitix_url,
            }
            self.slug = self.ground.told("organisation", "create", "Laughing Stock")["slug"]
            self.company = Company(
                [
                    *(self._member("worker", number, "worker", "--grace", "2") for number in (1, 2)),
                    *(
                        self._member("edge", number, "serve", "--only", "edge", "--port", str(port))
                        for number, port in enumerate(ports[:2], start=1)
                    ),
                    self._member("pages", 1, "serve", "--only", "pages", "--port", str(ports[2])),
                ]
            )
            stack.callback(self.company.stop)
            self.accounts = self._connect()
            self.company.tend()
            self.sender = stack.enter_context(Sender(self.door.port))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _member(self, role: str, number: int, *arguments: str) -> Member:
        name = f"{role}-{number}"
        command = leash.command("housecount.cli.main", *arguments)
        return Member(role, name, command, self.ground.surroundings, self.ground.logs / f"{name}.log")

    def _connect(self) -> list[dict[str, Any]]:
        """Connects every account of the sandbox, as a promoter does: what the command told of each."""
        given = self.world.credentials()
        wanted = [(key, account) for key in ("eventbrite", "humanitix") for account in given[key]]
        with ThreadPoolExecutor(len(wanted)) as pool:
            return list(pool.map(lambda each: self._connect_one(*each), wanted))

    def _connect_one(self, platform: str, account: dict[str, Any]) -> dict[str, Any]:
        arguments = ["account", "connect", platform, "--organisation", self.slug, "--api-key-stdin"]
        arguments += [part for region in account.get("regions", []) for part in ("--region", region)]
        secret = account.get("token") or account["key"]
        told: dict[str, Any] = self.ground.told(*arguments, stdin=f"{secret}\n")
        return told

    # --- Rounds ---------------------------------------------------------------------------------------
    def run(self) -> Report:
        """Every round, until one goes wrong."""
        try:
            self._rounds()
        except Exception as error:
            error.add_note(f"SEED={self.seed} throws the same again.")
            raise
        self._conclude()
        return self.report

    def _rounds(self) -> None:
        # The first reads: no hook has come yet, and everything is as it should be.
        self._settle()
        for number in range(1, self.size.rounds + 1):
            if self.report.problems:
                break
            self._storm(number)
            begun = time.monotonic()
            self._settle()
            self.report.settled.append(time.monotonic() - begun)
            self._check()
        if self.size.patient and not self.report.problems:
            self._outlast_the_dead()

    def _storm(self, number: int) -> None:
        size = self.size
        throws = plan(
            self.seed, number, size.seconds, throws=size.throws, happenings=size.happenings, hooks=size.hooks
        )
        known = {
            row[0] for row in self.ground.rows("SELECT external_id FROM box_office_order WHERE NOT gone")
        }
        begun = time.monotonic()
        while throws or time.monotonic() - begun < size.seconds:
            now = time.monotonic() - begun
            while throws and throws[0].at <= now:
                self._throw(throws.pop(0), known)
            self._undo_what_is_over()
            self.company.tend()
            time.sleep(_TICK)

    def _throw(self, throw: Throw, known: set[str]) -> None:
        kind = throw.kind
        if kind == "happening":
            verb = throw.detail["do"]
            self.report.happened[verb] += season.happen(self.world, verb, throw.number, known)
            return
        if kind == "hook":
            self.sender.send(self._hook(throw))
            return
        self.report.thrown[kind if kind != "platform fault" else f"platform: {throw.detail['kind']}"] += 1
        if kind.endswith((" killed", " told to end")):
            members = self.company.of(kind.partition(" ")[0])
            number = signal.SIGKILL if kind.endswith("killed") else signal.SIGTERM
            self.company.strike(members[throw.number % len(members)], number, throw.span)
        elif kind.startswith("database"):
            self._break_database(throw.span)
        elif kind.startswith("platform's clock"):
            self._step_clock(throw.detail["seconds"])
        elif kind in HOOK_WEATHER:
            self._set_limits(throw.detail)
            self._later(throw.span, lambda: self._reset_limits(throw.detail))
        else:
            fault = self.sandbox.faults.add(**throw.detail)
            self._later(throw.span, lambda: self._lift(fault))

    def _hook(self, throw: Throw) -> Hook:
        """A hook about some order there is; the same number gives the same hook, but for its marker."""
        way, number, after = throw.detail["way"], throw.number, throw.span
        if way == "eventbrite":
            accounts = self.world.eventbrite.accounts
            place = number % len(accounts)
            there = accounts[place].orders
            webhooks = accounts[place].webhooks
            order = there[number % len(there)]
            path = self._path(self.accounts[place])
            action = _ACTIONS[number % len(_ACTIONS)]
            webhook = webhooks[0].id if webhooks else "0"
            return eventbrite_hook(path, webhook, action, f"orders/{order.id}/", after)
        orders = list(self.world.humanitix.orders.values())
        about = orders[number % len(orders)]
        if way == "relay":
            return humanitix_hook(RELAY_PATH, about.event.id, about.id, secret=RELAY_SECRET, after=after)
        return humanitix_hook(self._path(self.accounts[-1]), about.event.id, about.id, after=after)

    def _path(self, account: dict[str, Any]) -> str:
        return str(account["webhook_url"]).removeprefix(self.door.url)

    # --- Blows and their end --------------------------------------------------------------------------
    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        self._undo.append((time.monotonic() + seconds, undo))

    def _undo_what_is_over(self, *, everything: bool = False) -> None:
        now = time.monotonic()
        over = [each for each in self._undo if everything or each[0] <= now]
        self._undo = [each for each in self._undo if each not in over]
        for _, undo in over:
            undo()

    def _break_database(self, away: float) -> None:
        if not self.ground.server.running():
            return
        begun = datetime.now(UTC)

        def come_back() -> None:
            self.ground.start_database()
            self.breaks.append((begun, datetime.now(UTC)))

        self.ground.stop_database()
        if away:
            self._later(away, come_back)
        else:
            come_back()

    def _step_clock(self, seconds: float) -> None:
        clock = self.world.stage.clock
        assert isinstance(clock, MachineClock)
        clock.advance(seconds=seconds)
        self._wrong_seconds += seconds

    def _set_limits(self, limits: dict[str, float]) -> None:
        for name, value in limits.items():
            setattr(self.world.limits, name, value)

    def _reset_limits(self, limits: dict[str, float]) -> None:
        usual = Limits()
        self._set_limits({name: getattr(usual, name) for name in limits})

    def _lift(self, fault: Fault) -> None:
        """Takes one fault back; those of others stay."""
        self.sandbox.faults.set([each for each in self.sandbox.faults.active if each is not fault])

    # --- After the storm ------------------------------------------------------------------------------
    def _settle(self) -> None:
        """The dust settles: nothing is wrong any more, all are up, hooks are handled, each account is swept once."""
        self._undo_what_is_over(everything=True)
        self.sandbox.faults.clear()
        for weather in HOOK_WEATHER.values():
            self._reset_limits(weather)
        self._step_clock(-self._wrong_seconds)
        self._until("every process is up", self._all_up)
        self.sender.finish()
        self._until("the platform's own hooks have arrived", self._all_delivered)
        self._sweep()
        self._until("every hook is handled", self._all_handled)
        self._until("workers read every account again", self._read_since(self._now()), _NOBODY_WAITS)

    def _until(self, what: str, condition: Callable[[], bool], seconds: float = _SETTLE_SECONDS) -> None:
        def looked() -> bool:
            self.company.tend()
            return condition()

        wait_for(what, looked, seconds, pause=0.1)

    def _all_up(self) -> bool:
        import socket

        if not all(member.alive for member in self.company.members):
            return False
        for backend in self.door.backends:
            try:
                with socket.create_connection(backend, timeout=1):  # type: ignore[arg-type]
                    pass
            except OSError:
                return False
        return True

    def _all_delivered(self) -> bool:
        return all(each.status is not None for each in self.sandbox.hooks.log)

    def _sweep(self) -> None:
        """One full sweep of every account that comes through, however often it must be begun."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        left = [str(account["account"]) for account in self.accounts]
        while left:
            which = ["--account", left[0]] if len(left) == 1 else ["--organisation", self.slug]
            done = self.ground.command("sync", *which, "--full", "--json")
            if done.stdout:
                rows = json.loads(done.stdout)["accounts"]
                came_through = {str(row["account"]) for row in rows if row["complete"]}
                left = [account for account in left if account not in came_through]
            if left and time.monotonic() > deadline:
                raise AssertionError(f"no sweep came through: {done.stdout}{done.stderr}")
            self.company.tend()

    def _all_handled(self) -> bool:
        """Whether none waits. For those that wait for a later moment ten minutes pass at once: what they would see
        then, they see now; how often they are tried, and what becomes of them, is theirs."""
        hurried = self.ground.rows(
            """
            UPDATE webhook_log SET next_try_at = now(), received_at = received_at - interval '10 minutes'
            WHERE status = 'waiting' AND next_try_at > now() + interval '3 seconds' RETURNING id
            """
        )
        self.report.hurried += len(hurried)
        return not self.ground.rows("SELECT 1 FROM webhook_log WHERE status = 'waiting' LIMIT 1")

    def _now(self) -> Any:
        return self.ground.rows("SELECT now()")[0][0]

    def _read_since(self, moment: Any) -> Callable[[], bool]:
        return lambda: (
            len(
                self.ground.rows(
                    "SELECT DISTINCT account_id FROM sync_read_run WHERE started_at > %s AND complete",
                    [moment],
                )
            )
            == len(self.accounts)
        )

    def _check(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            figures = pool.submit(checks.figures, self.ground, self.world, self.slug)
            rebuilt = pool.submit(checks.rebuilt, self.ground, self.slug)
        given_up = [
            f"hook {each[0]} is {each[1]}: {each[2]} {each[3]}"
            for each in checks.unfinished_hooks(self.ground)
        ]
        again = checks.stored_again(self.ground, self.breaks)
        self.report.stored_again = again.total()
        self.report.problems += [
            *figures.result(),
            *checks.ledger(self.ground),
            *rebuilt.result(),
            *checks.own_hooks(self.ground, self.sender.answers, again),
            *checks.platform_hooks(self.ground, list(self.sandbox.hooks.log), again),
            *given_up,
        ]

    def _outlast_the_dead(self) -> None:
        try:
            self._until("no job is in nobody's hands", lambda: not checks.stuck_jobs(self.ground), 120)
        except AssertionError:
            self.report.problems += checks.stuck_jobs(self.ground)

    def _conclude(self) -> None:
        report = self.report
        report.answers = self.sender.statuses()
        report.platform_hooks = Counter(
            "acknowledged" if each.status == 200 else "not acknowledged" for each in self.sandbox.hooks.log
        )
        report.handled = Counter(
            {str(row[0]): int(row[1]) for row in self.ground.rows(
                "SELECT status, count(*) FROM webhook_log GROUP BY status"
            )}
        )  # fmt: skip
        report.gaps = int(self.ground.rows("SELECT count(*) FROM sync_gap")[0][0])
        report.restarts = self.company.fallen
        orders, tickets = self.ground.rows(
            "SELECT sum(orders), sum(sold + comps + cancelled) FROM box_office_sales_entry"
        )[0]
        report.counted = Counter(orders=int(orders or 0), tickets=int(tickets or 0))
