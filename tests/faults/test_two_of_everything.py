"""Two workers and two servers against one database, one of each killed in the middle: the others go on.

Where the machine allows it, the pair that is killed lives in network namespaces of its own, as on another machine:
it shares nothing with the other pair but the database.
"""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.visitor import Visitor
from housecount.installation import leash
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.faults import checks, namespace, season
from tests.faults.company import Company, Member
from tests.faults.front_door import Backend, FrontDoor
from tests.faults.ground import Ground, free_port, wait_for
from tests.faults.senders import Sender, eventbrite_hook

EMAIL, PASSWORD = "pat@laughingstock.example", "correct horse battery staple"
#: What the promise says.
A_MINUTE = 60.0


@dataclass
class Pair:
    """Two machines: the first is killed, the second stays."""

    ground: Ground
    world: World
    sandbox: Sandbox
    door: FrontDoor
    backends: list[Backend]
    first: Company
    second: Company
    hook_path: str
    account: str

    def answers(self, backend: Backend) -> bool:
        """Whether a server alone serves a page, asked past the door."""
        with FrontDoor([backend]) as alone, Visitor(alone.port) as visitor:
            try:
                return visitor.get("/account/login/")[0] == 200
            except (OSError, http.client.HTTPException):
                return False

    def tend(self) -> None:
        """Starts what is to be started."""
        self.first.tend()
        self.second.tend()

    def send_about_an_order(self, sender: Sender) -> None:
        """A hook about a new order."""
        account = self.world.eventbrite.accounts[0]
        order = self.world.buy(account.events[0])
        webhook = account.webhooks[0].id
        sender.send(eventbrite_hook(self.hook_path, webhook, "order.placed", f"orders/{order.id}/"))


@contextmanager
def two_machines() -> Iterator[Pair]:
    world = season.make_world(seed=5)
    # No hook but ours: what arrives is what was sent here.
    world.limits.eventbrite_hook_losses = 1.0
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        sandbox = stack.enter_context(Sandbox(world))
        ports = [free_port(), free_port()]
        door = stack.enter_context(FrontDoor([]))
        ground.surroundings |= {
            "HOUSECOUNT_PUBLIC_URL": door.url,
            "HOUSECOUNT_READ_EVERY": "2",
            "EVENTBRITE_API_URL": sandbox.eventbrite_url,
            "HUMANITIX_API_URL": sandbox.humanitix_url,
        }
        slug = ground.told("organisation", "create", "Laughing Stock")["slug"]
        ground.housecount(
            "user",
            "create",
            EMAIL,
            "--organisation",
            slug,
            "--role",
            "admin",
            "--password-stdin",
            stdin=PASSWORD,
        )
        secret = world.eventbrite.accounts[0].token
        told = ground.told(
            "account", "connect", "eventbrite", "--organisation", slug, "--api-key-stdin", stdin=secret
        )
        assert told["webhook_registered"] is True
        apart, backend = _apart(stack, ground, sandbox, ports[0])
        near = Company(
            [
                _member(ground, "worker", "near", leash.command("housecount.cli.main", *_WORKER)),
                _member(ground, "site", "near", leash.command("housecount.cli.main", *_serve(ports[1]))),
            ]
        )
        door.backends = [backend, ("127.0.0.1", ports[1])]
        stack.callback(near.stop)
        stack.callback(apart.stop)
        path = str(told["webhook_url"]).removeprefix(door.url)
        yield Pair(ground, world, sandbox, door, door.backends, apart, near, path, str(told["account"]))


_WORKER = ("worker", "--grace", "2")


def _serve(port: int) -> tuple[str, ...]:
    return ("serve", "--port", str(port))


def _member(ground: Ground, role: str, where: str, command: list[str]) -> Member:
    name = f"{role}-{where}"
    return Member(role, name, command, ground.surroundings, ground.logs / f"{name}.log")


def _apart(stack: ExitStack, ground: Ground, sandbox: Sandbox, port: int) -> tuple[Company, Backend]:
    """The pair that will be killed, and where its server is reached from here."""
    if not namespace.possible():
        worker = leash.command("housecount.cli.main", *_WORKER)
        site = leash.command("housecount.cli.main", *_serve(port))
        members = [_member(ground, "worker", "apart", worker), _member(ground, "site", "apart", site)]
        return Company(members), ("127.0.0.1", port)
    sockets = ground.home / "sockets"
    sockets.mkdir()
    out: dict[int, str] = {}
    for platform in ("eventbrite", "humanitix"):
        outside = int(getattr(sandbox, f"{platform}_url").rpartition(":")[2].partition("/")[0])
        out[outside] = str(sockets / platform)
        stack.enter_context(FrontDoor([("127.0.0.1", outside)], path=out[outside]))
    inside = str(sockets / "site")
    worker = namespace.command("housecount.cli.main", *_WORKER, out=out, into={})
    site = namespace.command("housecount.cli.main", *_serve(port), out=out, into={inside: port})
    return Company(
        [_member(ground, "worker", "apart", worker), _member(ground, "site", "apart", site)]
    ), inside


@dataclass
class Looker:
    """Opens a page again and again through the door, signed in, and remembers what came and when."""

    port: int
    seen: list[tuple[float, int]] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Looker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def since(self, moment: float) -> list[int]:
        """The statuses of what was asked for after `moment`."""
        return [status for began, status in list(self.seen) if began >= moment]

    def _look(self) -> None:
        with Visitor(self.port) as visitor:
            signed_in = visitor.sign_in(EMAIL, PASSWORD)
            while signed_in and not self._end.is_set():
                began = time.monotonic()
                try:
                    status = visitor.get("/")[0]
                except (OSError, http.client.HTTPException):
                    status = 0
                self.seen.append((began, status))


def test_one_worker_and_one_server_are_killed_and_the_others_go_on() -> None:
    with two_machines() as pair:
        late = next(member for member in pair.second.members if member.role == "worker")
        late.due = None
        pair.tend()
        for backend in pair.backends:
            wait_for("both servers serve pages", lambda backend=backend: pair.answers(backend))
        wait_for("the first read", lambda: reads(pair))
        with Sender(pair.door.port) as sender, Looker(pair.door.port) as looker:
            # From now on every answer takes longer than this test has: who reads is caught in the middle of it.
            pair.sandbox.faults.add("latency", seconds=A_MINUTE * 5)
            pair.sandbox.requests("eventbrite").clear()
            pair.send_about_an_order(sender)
            wait_for("the worker asks for an order", lambda: asked(pair, "/v3/orders/"))
            wait_for(
                "the worker reads", lambda: asked(pair, "/v3/organizations/") or asked(pair, "/v3/events/")
            )
            for _ in range(20):
                pair.send_about_an_order(sender)
            # Another worker comes, and what the first one has in its hands stays there.
            late.due = 0.0
            pair.tend()
            wait_for("both workers are up", lambda: workers(pair) == 2)
            wait_for("pages are seen", lambda: looker.since(0).count(200) > 5)
            assert len(checks.unfinished_hooks(pair.ground)) > 0

            pair.sandbox.faults.clear()
            (before,) = pair.ground.rows("SELECT now()")
            killed = time.monotonic()
            for member in pair.first.members:
                pair.first.lose(member)

            for _ in range(20):
                pair.send_about_an_order(sender)
            sender.finish()
            wait_for("twenty pages were seen since", lambda: looker.since(killed).count(200) >= 20)
            # What was on its way to the killed server is lost, and no more than that.
            assert Counter(looker.since(killed)).keys() <= {200, 0}
            assert looker.since(killed).count(0) <= 1
            gone_on = time.monotonic()
            for _ in range(20):
                pair.send_about_an_order(sender)
            sender.finish()
            wait_for("pages are seen still", lambda: looker.since(gone_on))
            assert set(looker.since(gone_on)) == {200}
        answers = list(sender.answers.values())
        assert answers[-20:] == [200] * 20
        # Four threads send: each may have had one hook on its way.
        assert answers.count(200) >= 56
        assert set(answers) <= {200, 0}

        left = A_MINUTE - (time.monotonic() - killed)
        wait_for("the other worker has read the account", lambda: reads(pair, before[0]), left)
        left = A_MINUTE - (time.monotonic() - killed)
        wait_for(
            "the other worker has handled every hook", lambda: not checks.unfinished_hooks(pair.ground), left
        )
        assert checks.own_hooks(pair.ground, sender.answers) == []
        assert checks.ledger(pair.ground) == []
        assert counted(pair) == {order.id for order in pair.world.eventbrite.accounts[0].orders}


def workers(pair: Pair) -> int:
    """How many workers have told the queue that they live."""
    return int(pair.ground.rows("SELECT count(*) FROM procrastinate_workers")[0][0])


def counted(pair: Pair) -> set[str]:
    """The orders in the ledger."""
    return {str(row[0]) for row in pair.ground.rows("SELECT DISTINCT order_id FROM box_office_sales_entry")}


def reads(pair: Pair, since: object = None) -> int:
    """How many reads began after `since` and came through."""
    found = pair.ground.rows(
        "SELECT count(*) FROM sync_read_run WHERE complete AND started_at > coalesce(%s, '-infinity'::timestamptz)",
        [since],
    )
    return int(found[0][0])


def asked(pair: Pair, path: str) -> int:
    """How many requests under `path` the platform was asked since they were counted."""
    return sum(
        n for asked_for, n in list(pair.sandbox.requests("eventbrite").items()) if asked_for.startswith(path)
    )
