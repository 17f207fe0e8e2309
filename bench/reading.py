"""Whole reads as a promoter's machine does them: the sandbox in one process, `housecount sync` in another."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bench import ground

_SEASON_DAY = "2026-11-20"
#: Enough calls that neither platform's limit is what is measured.
_PLENTY = 1_000_000


@dataclass(frozen=True)
class Read:
    """One `housecount sync`: what it told of each account, and the most memory it held at once, in MiB."""

    accounts: list[dict[str, Any]]
    peak: float

    def sum(self, name: str, platform: str | None = None) -> float:
        return sum(float(row[name]) for row in self.accounts if platform in {None, row["platform"]})

    @property
    def seconds(self) -> float:
        """Accounts are read beside each other: the longest."""
        return max(float(row["seconds"]) for row in self.accounts)


@contextlib.contextmanager
def promoter(orders: int) -> Iterator[str]:
    """Serves a full season of about `orders` orders and connects a new organisation to all of it; its slug."""
    command = [
        sys.executable, "-m", "housecount_sandbox", "serve", "--json", "--season", "full", "--orders", str(orders),
        "--today", _SEASON_DAY, "--eventbrite-limit", str(_PLENTY), "--humanitix-limit", str(_PLENTY),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox:
        try:
            assert sandbox.stdout is not None
            line = sandbox.stdout.readline()
            if not line:
                raise RuntimeError("The sandbox did not start.")
            platforms = json.loads(line)
            _surround(platforms)
            organisation_id, slug = ground.make_organisation()
            _connect(organisation_id, platforms)
            yield slug
        finally:
            sandbox.terminate()


def sync(slug: str, *, full: bool) -> Read:
    """Reads every account of the organisation in a process of its own."""
    arguments = ["sync", "--organisation", slug, "--json", *(["--full"] if full else [])]
    command = [sys.executable, "-m", "bench.child", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"A read failed:\n{done.stdout}\n{done.stderr[-2000:]}")
    told, _, memory = done.stdout.rstrip().rpartition("\n")
    return Read(json.loads(told)["accounts"], float(memory))


def _surround(platforms: dict[str, Any]) -> None:
    from housecount.installation import environment

    os.environ |= {
        "EVENTBRITE_API_URL": platforms["eventbrite"]["url"],
        "HUMANITIX_API_URL": platforms["humanitix"]["url"],
        "EVENTBRITE_CALL_LIMIT": str(_PLENTY),
        "HUMANITIX_CALL_LIMIT": str(_PLENTY),
    }
    environment.load.cache_clear()


def _connect(organisation_id: UUID, platforms: dict[str, Any]) -> None:
    import asyncio

    from housecount.sync import accounts
    from housecount.tenancy.crypto import Secret

    for platform, entry in platforms.items():
        for account in entry["accounts"]:
            secret = Secret(account.get("token") or account["key"])
            regions = account.get("regions") or ()
            asyncio.run(accounts.connect(organisation_id, platform, secret, regions=regions))
