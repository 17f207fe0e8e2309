"""The dashboard and the page about watching name what is exported, and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

DOCS = Path(__file__).parents[2] / "docs"
METRIC = re.compile(r"\bhousecount_[a-z_]+\b")


@pytest.fixture
def exported(database: str) -> set[str]:
    """The names under which Prometheus keeps them."""
    text = Client().get("/metrics").content.decode()
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


@pytest.fixture
def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCS / "grafana" / "housecount.json").read_text(encoding="utf-8"))
    return document


def expressions(dashboard: dict[str, Any]) -> list[str]:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert panels
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_metric_of_the_dashboard_is_exported(dashboard: dict[str, Any], exported: set[str]) -> None:
    named = {name for expression in expressions(dashboard) for name in METRIC.findall(expression)}
    assert len(named) > 15
    assert named <= exported, named - exported


def test_the_dashboard_shows_every_metric(dashboard: dict[str, Any], exported: set[str]) -> None:
    named = {name for expression in expressions(dashboard) for name in METRIC.findall(expression)}
    assert exported <= named, exported - named


def test_its_queries_are_closed_and_its_variables_known(dashboard: dict[str, Any]) -> None:
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    for expression in expressions(dashboard):
        assert expression.count("(") == expression.count(")"), expression
        assert expression.count("{") == expression.count("}"), expression
        assert set(re.findall(r"\$(\w+)", expression)) <= known, expression
    sources = {
        target["datasource"]["uid"] for panel in dashboard["panels"] for target in panel.get("targets", [])
    }
    assert sources == {"${datasource}"}


def test_its_panels_do_not_lie_on_each_other(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_page_about_watching_lists_every_metric_and_no_other(exported: set[str]) -> None:
    text = (DOCS / "how-to" / "watch-it.md").read_text(encoding="utf-8")
    assert set(METRIC.findall(text)) == exported
