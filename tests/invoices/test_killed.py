"""Processes that issue documents are killed at whatever point they are: nothing is half done, no number is lost."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db.models import Count, Q

from housecount.invoices.models import Document, DocumentFile, Event, Line, Series, Step
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office

SOURCE = Path(__file__).parents[2] / "src"
#: For each line of ids, a process of its own issues them, and says so after each; this one only makes them.
NURSERY = """
import os, sys
from uuid import UUID
os.environ["DJANGO_SETTINGS_MODULE"] = "housecount.settings"
import django
django.setup()
from housecount.core.errors import HousecountError
from housecount.invoices import pdf, services
from housecount.tenancy.identity import Identity, acting_as
identity = Identity.system(UUID(sys.argv[1]))
for line in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)
        continue
    for key in line.split():
        with acting_as(identity):
            services.issue_one(key)
        print("done", flush=True)
    os._exit(0)
"""


@contextmanager
def nursery(office: Office) -> Iterator["subprocess.Popen[str]"]:
    """A process that makes processes which issue documents."""
    kept = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(office.organisation_id)],
        env={**kept, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def blow(process: "subprocess.Popen[str]", keys: list[str], documents: int, seconds: float) -> None:
    """Have these issued, and kill who does it `seconds` after the `documents`th."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(" ".join(keys) + "\n")
    process.stdin.flush()
    worker = int(process.stdout.readline())
    for _ in range(documents):
        assert process.stdout.readline() == "done\n"
    threading.Event().wait(seconds)
    os.kill(worker, signal.SIGKILL)
    while process.stdout.readline() == "done\n":
        pass


def issued(office: Office) -> list[Document]:
    """Everything that is issued, after a look that each is whole."""
    key = office.organisation_id
    with acting_as(office.identity):
        found = list(Document.objects.filter(organisation_id=key, step=Step.ISSUED).order_by("number"))
        numbers = [each.number for each in found]
        assert numbers == [f"INV-{n:05d}" for n in range(1, len(found) + 1)], "a gap"
        series = Series.objects.filter(organisation_id=key).values_list("last", flat=True)
        assert list(series) == ([len(found)] if found else [])
        for model, of in ((DocumentFile, Q()), (Event, Q(what="issued"))):
            counted = (
                model._default_manager.filter(of, organisation_id=key)
                .values("document_id")
                .annotate(count=Count("pk"))
            )
            assert {each["document_id"]: each["count"] for each in counted} == {each.pk: 1 for each in found}
        assert all(each.sender and each.recipient and each.issued_at for each in found)
        others = Document.objects.filter(organisation_id=key).exclude(step=Step.ISSUED)
        assert not others.exclude(sender=None, number=None, issued_at=None).exists()
        assert (
            Line.objects.filter(organisation_id=key).count()
            == Document.objects.filter(organisation_id=key).count()
        )
    return found


def test_killed_while_issuing_leaves_nothing_half_done(database: str) -> None:
    chance = random.Random(20261122)
    office = Office()
    office.ourselves()
    venue = office.party()
    drafts = [office.draft(venue, reference=str(n)) for n in range(25)]
    before = 0
    with nursery(office) as process:
        for _ in range(5):
            left = [str(each.pk) for each in drafts if office.json(each)["status"] == "draft"]
            assert left, "the blows came too late"
            # One takes some 15 to 60 ms; the blow falls anywhere within it.
            blow(process, left, chance.randint(1, 2), chance.uniform(0, 0.05))
            after = len(issued(office))
            assert after > before, "what was said to be done stays"
            before = after
    assert before < len(drafts), "it was killed in the middle of its work"
    office.issue(next(each for each in drafts if office.json(each)["status"] == "draft"))
    assert len(issued(office)) == before + 1
