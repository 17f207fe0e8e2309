"""A Chromium for the tests: one that is here, else one that is installed now.

`python -m tests.browser.chromium` says where it is. Nothing is ever skipped for want of a browser: what cannot be had
fails with what to do.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE = "HOUSECOUNT_CHROMIUM"
FLAGS = (
    "--no-sandbox",  # as root, and in containers, Chromium's own is refused
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_ANSWER_SECONDS = 60
_INSTALL_SECONDS = 900
_APT = ("apt-get", "-y", "-o", "Dpkg::Use-Pty=0")


class NoChromium(RuntimeError):
    """There is none, and none could be installed. The message says what was tried, and what to do."""


def ready() -> str:
    """The path of a Chromium that answers, after installing one where there was none. Raises NoChromium."""
    return find() or install()


def find() -> str | None:
    """The path of a Chromium on this machine that answers, None when there is none.

    HOUSECOUNT_CHROMIUM names one and rules out the others: raises NoChromium when that one does not answer.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        if not _answers(named):
            raise NoChromium(f"{VARIABLE} names {named}, which is not a Chromium that runs here.")
        return named
    return next((path for path in _candidates() if _answers(path)), None)


def install() -> str:
    """The path of one that was installed now: Debian's where we may, else Playwright's own. Raises NoChromium."""
    failures = []
    for what, commands in _ways():
        print(f"No Chromium is here; {what}...", file=sys.stderr, flush=True)
        failure = next((said for said in map(_run, commands) if said is not None), None)
        found = find()
        if found is not None:
            return found
        failures.append(f"{what}: {failure or 'went well, and brought none'}")
    raise NoChromium("\n".join([_WHAT_TO_DO, *failures]))


_WHAT_TO_DO = (
    "The browser tests need a Chromium, and there is none that could be found or installed. On Debian or Ubuntu: "
    f"apt install chromium. Elsewhere install Chromium or Chrome, and name it in {VARIABLE}."
)


def _candidates() -> Iterator[str]:
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield found
    applications = Path("/Applications")
    for name in ("Chromium", "Google Chrome"):
        path = applications / f"{name}.app" / "Contents" / "MacOS" / name
        if path.exists():
            yield str(path)
    own = _playwrights_own()
    if own is not None and Path(own).exists():
        yield own


def _playwrights_own() -> str | None:
    # Asked in a process of its own: Playwright's loop may run in this one already.
    asked = "from playwright.sync_api import sync_playwright as p\nwith p() as d: print(d.chromium.executable_path)"
    try:
        said = subprocess.run(
            [sys.executable, "-c", asked], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None


def _answers(path: str) -> bool:
    """Some distributions put a script of that name in its place which only says how to install it."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return said.returncode == 0 and "chrom" in said.stdout.lower()


def _ways() -> Iterator[tuple[str, list[Sequence[str]]]]:
    # Ubuntu's package of that name is a stub for a store that is not there in containers.
    if shutil.which("apt-get") and "ID=debian" in _os_release():
        rights = _rights()
        if rights is not None:
            packages = [
                [*rights, *_APT, "update"],
                [*rights, *_APT, "install", "--no-install-recommends", "chromium"],
            ]
            yield "installing Debian's", packages
    with_libraries = ["--with-deps"] if shutil.which("apt-get") and _rights() is not None else []
    playwright = [sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"]
    yield "installing Playwright's own", [playwright]


def _os_release() -> list[str]:
    try:
        return Path("/etc/os-release").read_text("utf-8").splitlines()
    except OSError:
        return []


def _rights() -> list[str] | None:
    """What to put before a command that needs root; None when we may not."""
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if shutil.which("sudo") and _run(["sudo", "-n", "true"]) is None else None


def _run(command: Sequence[str]) -> str | None:
    """None when it went well, else the end of what it said."""
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
    return None if done.returncode == 0 else (done.stderr or done.stdout)[-800:].strip()


if __name__ == "__main__":
    try:
        print(ready())
    except NoChromium as error:
        sys.exit(str(error))
