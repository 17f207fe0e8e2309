"""Finding a Chromium, and getting one where there is none: tried with invented ones."""

import os
import sys
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.browser.chromium import NoChromium

_CHROMIUM = "#!/bin/sh\necho Chromium 150.0\n"
_STUB = "#!/bin/sh\necho 'Install it from the store.' >&2; exit 1\n"


class Machine:
    """Programs on a PATH of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def has(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def asked(self) -> str:
        log = self.directory / "log"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setattr(chromium, "_playwrights_own", lambda: None)
    monkeypatch.setattr(chromium, "_os_release", lambda: ["ID=debian"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    # Playwright's way runs this Python; here it runs what the test puts in its place.
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return Machine(tmp_path)


def installer(directory: Path, brings: str) -> str:
    """A program that notes how it was called and, at the last, brings a browser of that name."""
    made = f"printf '%s\\n' '#!/bin/sh' 'echo Chromium 150' > {directory}/{brings}; chmod +x {directory}/{brings};"
    return f'#!/bin/sh\necho "$0 $*" >> {directory}/log\ncase "$*" in *chromium*) {made if brings else ""} ;; esac\n'


def test_the_one_that_is_named_counts_and_no_other(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has("chromium", _CHROMIUM)
    own = machine.has("my-own", _CHROMIUM)
    monkeypatch.setenv(chromium.VARIABLE, own)
    assert chromium.ready() == own
    monkeypatch.setenv(chromium.VARIABLE, machine.has("broken", _STUB))
    with pytest.raises(NoChromium, match=chromium.VARIABLE):
        chromium.ready()


def test_what_only_says_how_to_install_it_does_not_count(machine: Machine) -> None:
    machine.has("chromium", _STUB)
    real = machine.has("google-chrome", _CHROMIUM)
    assert chromium.ready() == real


def test_playwrights_own_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    own = machine.has("hidden-away", _CHROMIUM)
    monkeypatch.setattr(chromium, "_playwrights_own", lambda: own)
    assert chromium.ready() == own


def test_debians_is_installed_as_root(machine: Machine) -> None:
    machine.has("apt-get", installer(machine.directory, "chromium"))
    (machine.directory / "chmod").symlink_to("/bin/chmod")
    assert chromium.ready() == str(machine.directory / "chromium")
    assert [line.split()[-1] for line in machine.asked().splitlines()] == ["update", "chromium"]


def test_without_rights_or_packages_it_is_playwrights_own(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.has("apt-get", installer(machine.directory, ""))
    machine.has("python", installer(machine.directory, "chromium"))
    (machine.directory / "chmod").symlink_to("/bin/chmod")
    assert chromium.ready() == str(machine.directory / "chromium")
    assert "playwright install chromium" in machine.asked()
    assert "apt-get" not in machine.asked()


def test_where_nothing_works_it_says_what_to_do(machine: Machine) -> None:
    machine.has("apt-get", "#!/bin/sh\necho 'no such package' >&2; exit 100\n")
    machine.has("python", "#!/bin/sh\nexit 1\n")
    with pytest.raises(NoChromium, match="apt install chromium") as raised:
        chromium.ready()
    assert "no such package" in str(raised.value)
