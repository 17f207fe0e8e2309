"""The lock files: whole, pinned, hashed, and without the name of a host."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pinned(name: str) -> dict[str, Version]:
    found = re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {package: Version(version) for package, version in found}


def wanted(name: str) -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    texts = [*PROJECT["project"]["dependencies"], *groups["build"]]
    if "dev" in name:
        texts += groups["dev"]
    return [Requirement(text) for text in texts]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_it_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(
        r"--(index-url|extra-index-url|find-links|trusted-host)|\bfile:|\.(org|com|io)\b", text
    )


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert len(entries) > 30
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+( ; [^\\]+)? \\\n", entry), entry.splitlines()[0]
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
        assert hashes, entry.splitlines()[0]


@pytest.mark.parametrize("name", LOCKS)
def test_it_holds_what_the_project_asks_for(name: str) -> None:
    have = pinned(name)
    for requirement in wanted(name):
        version = have.get(canonical(requirement.name))
        assert version is not None, f"{requirement.name} is missing: make lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: make lock"


def test_the_tests_run_with_the_versions_that_are_shipped() -> None:
    shipped, tested = (pinned(name) for name in LOCKS)
    assert {name: tested.get(name) for name in shipped} == shipped
