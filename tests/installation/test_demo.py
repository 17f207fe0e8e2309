"""The demo from the outside: started, interrupted, killed, and started again."""

import json
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tests.installation.support import (
    housecount,
    processes_of,
    read_line,
    run,
    started,
    surroundings,
    wait_until,
)
from tests.installation.test_commands import free_port
from tests.migrated import furnish

READY = "Ctrl-C stops everything"


def demo(port: int, *more: str) -> list[str]:
    return housecount("demo", "--port", str(port), "--season", "small", "--trickle", "0", *more)


def sales(home: Path) -> dict[str, object]:
    done = run(housecount("sales", "--organisation", "laughing-stock", "--json"), surroundings(home))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def interrupted(process: "subprocess.Popen[str]", number: int) -> int:
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert "Traceback" not in out
    return process.returncode


def figures(document: dict[str, object]) -> list[object]:
    return [(show["title"], show["starts_at"], show["totals"]) for show in document["shows"]]  # type: ignore[attr-defined, index]


def sell(home: Path) -> None:
    """Sells at the invented Eventbrite, and sees it in the count because of a webhook to the demo's own edge; also when
    the platform had forgotten all webhooks."""
    ports = json.loads((home / "demo.json").read_text())
    control = f"http://127.0.0.1:{ports['eventbrite_port']}/_sandbox"

    def ask(what: str, body: object = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{control}/{what}", sent), timeout=20) as answer:
            return json.loads(answer.read())

    before = eventbrite_orders(home)
    # As its buyers do by themselves, so that it is remembered.
    happened: list[dict[str, str]] = []
    while not happened or (happened[-1]["platform"], happened[-1]["do"]) != ("eventbrite", "buy"):
        happened += ask("advance", {"happenings": 1})
    order = happened[-1]["order"]
    made = sum(each["platform"] == "eventbrite" and each["do"] in {"buy", "comp"} for each in happened)
    listing = housecount("webhooks", "list", "--object", order, "--json")
    wait_until(lambda: '"changed"' in run(listing, surroundings(home)).stdout, what="for its webhook")
    assert {each["status"] for each in ask("deliveries")} <= {200, None}
    wait_until(lambda: eventbrite_orders(home) == before + made, what="for the orders in the count")


def eventbrite_orders(home: Path) -> int:
    shows: Any = sales(home)["shows"]
    return sum(
        each["orders"] for show in shows for each in show["listings"] if each["platform"] == "eventbrite"
    )


def test_from_nothing_to_a_site_with_a_count_and_back_to_nothing_again_and_again(home: Path) -> None:
    port = free_port()
    # Addresses and a database of one's own must not be touched by a demo.
    environment = surroundings(
        home, HUMANITIX_API_URL="http://192.0.2.1/v1", DATABASE_URL="postgresql://x@192.0.2.1/x",
        HOUSECOUNT_SECRET_KEY="k" * 50, HOUSECOUNT_ENCRYPTION_KEYS="A" * 43 + "=",
    )  # fmt: skip
    with started(demo(port), environment) as first:
        read_line(first, "Reading a season")
        assert interrupted(first, signal.SIGINT) == 130
    assert processes_of(home) == []
    # The next start reads the rest.
    with started(demo(port), environment) as second:
        said = read_line(second, READY)
        assert "Laughing Stock" in said
        assert f"http://127.0.0.1:{port}" in said
        assert re.search(r"sign in as \S+@\S+\.example \(admin\), password \S+", said)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/account/login/", timeout=20) as page:
            assert page.status == 200
        beside = sales(home)
        assert len(beside["shows"]) >= 6  # type: ignore[arg-type]
        assert second.poll() is None, "a command beside the demo stopped its database"
        refused = run(demo(free_port()), surroundings(home))
        assert refused.returncode == 1
        assert "A demo runs already" in refused.stderr
        sell(home)
        beside = sales(home)
        # kill -9 takes the children along; the database either ends with the last of them or is found again.
        second.kill()
        second.wait()
        wait_until(lambda: [line for line in processes_of(home) if "postgres" not in line] == [])
    with started(demo(port), surroundings(home)) as third:
        assert "Reading" not in read_line(third, READY)
        assert figures(sales(home)) == figures(beside)
        sell(home)
        assert interrupted(third, signal.SIGTERM) == 0
    assert processes_of(home) == []
    with started(demo(port), surroundings(home)) as fourth:
        assert "Reading" not in read_line(fourth, READY)
        assert interrupted(fourth, signal.SIGINT) == 0
    assert processes_of(home) == []


def test_a_taken_port_is_said_before_anything_is_made(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = run(demo(port), surroundings(home))
    assert refused.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in refused.stderr
    assert list(home.iterdir()) == []


def test_an_installation_in_use_is_never_made_a_demo(home: Path) -> None:
    furnish(home)
    furnish(home / "demo")
    with started(demo(free_port()), surroundings(home)) as process:
        read_line(process, "Reading a season")
        interrupted(process, signal.SIGINT)
    assert (home / "demo" / "demo.json").exists()
    assert not (home / "demo.json").exists()
    assert not (home / "settings.env").exists()
    listed = json.loads(run(housecount("organisation", "list", "--json"), surroundings(home)).stdout)
    assert listed == {"organisations": []}
