"""`python -m tests.faults`: what it runs, with which seed, and how it says how that ended."""

from __future__ import annotations

import pytest

from tests.faults import __main__ as faults


@pytest.mark.parametrize(
    ("arguments", "ends", "expected", "code", "said"),
    [
        (
            ["--rounds", "3", "--seed", "7"],
            {},
            [("platforms", 3, 7)],
            0,
            ["The platforms: 3 rounds with seed 7"],
        ),
        (["--xero", "--rounds", "2", "--seed", "7"], {}, [("xero", 2, 7)], 0, ["Xero: 2 rounds with seed 7"]),
        (
            ["--all", "--seed", "5"],
            {"platforms": 1},
            [("platforms", 10, 5), ("xero", 10, 5)],
            1,
            [
                "The platforms: 10 rounds with seed 5",
                "NOT AS IT SHOULD BE",
                "Xero: 10 rounds",
                "nothing lost",
            ],
        ),
        (["--all", "--seed", "5"], {"xero": 2}, [("platforms", 10, 5), ("xero", 10, 5)], 1, ["NOT AS"]),
    ],
)
def test_each_part_is_run_and_both_ends_are_said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    ends: dict[str, int],
    expected: list[tuple[str, int, int]],
    code: int,
    said: list[str],
) -> None:
    run: list[tuple[str, int, int]] = []
    for name in ("platforms", "xero"):

        def part(rounds: int, seed: int, name: str = name) -> int:
            run.append((name, rounds, seed))
            return ends.get(name, 0)

        monkeypatch.setattr(faults, name, part)
    assert faults.main(arguments) == code
    assert run == expected
    told = capsys.readouterr().out
    assert [each for each in said if each not in told] == []
