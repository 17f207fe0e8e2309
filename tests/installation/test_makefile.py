"""The first thing a newcomer meets."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A directory with a space in its name that holds what the first steps need."""
    directory = tmp_path / "my clone"
    directory.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, directory)
    return directory


def make(clone: Path, *arguments: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": path or os.environ["PATH"], "HOME": str(clone / "empty")}
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def programs(directory: Path, **scripts: str) -> str:
    """A PATH with the system's few tools that the Makefile uses, and these scripts."""
    directory.mkdir()
    for name in ("sh", "make", "cat", "rm", "pwd", "touch", "env", "sed", "expand", "mkdir"):
        found = shutil.which(name)
        assert found, name
        (directory / name).symlink_to(found)
    for name, text in scripts.items():
        (directory / name.replace("_", ".")).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name.replace("_", ".")).chmod(0o755)
    return str(directory)


def test_help_lists_every_target(clone: Path) -> None:
    told = make(clone).stdout
    for target in (
        "help",
        "demo",
        "test",
        "test-fast",
        "check",
        "bench",
        "faults",
        "screenshots",
        "lock",
        "clean",
    ):
        assert f"make {target} " in told
    assert make(clone, "help").stdout == told


def test_without_a_python_that_is_new_enough_it_says_what_to_install(clone: Path, tmp_path: Path) -> None:
    for path in (
        programs(tmp_path / "none"),
        programs(tmp_path / "old", python3="exit 1"),
    ):
        refused = make(clone, "demo", path=path)
        assert refused.returncode != 0
        assert "Python 3.11 or newer" in refused.stderr
        assert not (clone / ".venv").exists()


def test_without_the_part_that_makes_environments_it_names_the_package(clone: Path, tmp_path: Path) -> None:
    # A Python as Debian's without python3-venv: everything works but `import ensurepip`.
    script = 'case "$*" in *ensurepip*) exit 1;; *print*) echo python3.11-venv;; esac; exit 0'
    refused = make(clone, "demo", path=programs(tmp_path / "bare", python3_11=script))
    assert refused.returncode != 0
    assert "apt install python3.11-venv" in refused.stderr
    assert not (clone / ".venv").exists()


def test_an_environment_is_made_again_only_when_the_directory_was_moved(clone: Path, tmp_path: Path) -> None:
    # A real environment, but for the programs in it that install others: to unpack them takes longest.
    quick = f'[ "$*" = "-m venv .venv" ] && set -- "$@" --without-pip; exec "{sys.executable}" "$@"'
    path = programs(tmp_path / "quick", python3=quick)
    assert "Making the virtual environment" in make(clone, ".venv/.made", path=path).stdout
    assert (clone / ".venv/bin/python").exists()
    (clone / ".venv/mark").touch()
    assert make(clone, ".venv/.made", path=path).returncode == 0
    assert (clone / ".venv/mark").exists()
    moved = clone.rename(tmp_path / "moved")
    assert "Making the virtual environment" in make(moved, ".venv/.made", path=path).stdout
    assert not (moved / ".venv/mark").exists()
