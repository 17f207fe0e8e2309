"""Real processes, killed for real."""

import os
import signal
import sys
from pathlib import Path

from housecount.installation.files import process_alive
from tests.installation.support import python, read_line, run, started, surroundings, wait_until

# A parent with a child that starts a grandchild; each writes its number into a file of its name.
PARENT = """
import os, sys
from pathlib import Path
from housecount.installation import leash
from housecount.installation.supervisor import Child, Supervisor

home = Path(sys.argv[1])
sys.path.insert(0, str(home))
os.environ["PYTHONPATH"] = f"{home}{os.pathsep}" + os.environ["PYTHONPATH"]
supervisor = Supervisor(lambda text: print(text, flush=True))
supervisor.add(Child("thing", leash.command("thing", str(home)), output=home / "said", leaves=home / "socket"))
print("running", flush=True)
supervisor.run()
print("over", flush=True)
"""
THING = """
import os, signal, subprocess, sys, time
from pathlib import Path
home = Path(sys.argv[1])
grandchild = subprocess.Popen(["/bin/sleep", "600"])
(home / "grandchild").write_text(str(grandchild.pid))
if (home / "stubborn").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("hello", flush=True)
(home / "socket").touch()
(home / "number").write_text(str(os.getpid()))
while True:
    time.sleep(60)
"""


def number(path: Path) -> int:
    return int(path.read_text()) if path.exists() and path.read_text() else 0


def prepare(home: Path) -> None:
    (home / "thing.py").write_text(THING)


def test_a_child_that_ends_is_started_again_and_all_end_together(home: Path) -> None:
    prepare(home)
    with started([*python(PARENT), str(home)], surroundings(home)) as parent:
        read_line(parent, "running")
        wait_until(lambda: number(home / "number"))
        first, first_grandchild = number(home / "number"), number(home / "grandchild")
        os.kill(first, signal.SIGKILL)
        assert "signal 9" in read_line(parent, "starting it again")
        wait_until(lambda: number(home / "number") not in {0, first})
        assert not process_alive(first_grandchild)
        second, grandchild = number(home / "number"), number(home / "grandchild")
        assert process_alive(second)
        parent.send_signal(signal.SIGINT)
        assert "over" in read_line(parent, "over")
        assert parent.wait(timeout=30) == 0
    assert not process_alive(second)
    assert not process_alive(grandchild)
    assert (home / "said").read_text() == "hello\n"
    assert not (home / "socket").exists()


def test_a_child_does_not_outlive_a_parent_killed_with_9(home: Path) -> None:
    prepare(home)
    with started([*python(PARENT), str(home)], surroundings(home)) as parent:
        read_line(parent, "running")
        wait_until(lambda: number(home / "number"))
        child = number(home / "number")
        parent.kill()
        parent.wait()
        wait_until(lambda: not process_alive(child))
    os.kill(number(home / "grandchild"), signal.SIGKILL)  # a plain program: it has no leash of its own


def test_a_child_that_will_not_stop_is_killed(home: Path) -> None:
    prepare(home)
    (home / "stubborn").touch()
    impatient = PARENT.replace(
        "supervisor = ",
        "import housecount.installation.supervisor as s\ns._GRACE_SECONDS = 0.3\nsupervisor = ",
    )
    with started([*python(impatient), str(home)], surroundings(home)) as parent:
        read_line(parent, "running")
        wait_until(lambda: number(home / "number"))
        parent.terminate()
        assert "was killed" in read_line(parent, "over")
    assert not process_alive(number(home / "number"))


def test_a_child_that_comes_up_after_its_parent_died_ends_too(home: Path) -> None:
    prepare(home)
    gone = run(python("import os; print(os.getpid())"), surroundings(home)).stdout.strip()
    path = f"{home}{os.pathsep}{surroundings(home)['PYTHONPATH']}"
    with started(
        [sys.executable, "-m", "housecount.installation.leash", gone, "thing", str(home)],
        {**surroundings(home), "PYTHONPATH": path},
    ) as orphan:
        assert orphan.wait(timeout=30) == -signal.SIGTERM
