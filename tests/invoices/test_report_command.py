"""`housecount report`, as it is run."""

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from housecount.cli.main import cli
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from tests.invoices.office import Office


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments])


@pytest.fixture
def office() -> Office:
    made = Office()
    made.ourselves(bank={"bsb": "062-000", "account": "12223123", "name": "Laughing Stock"})
    act = made.party(bank={"bsb": "633-000", "account": "157108231", "name": "Mirth Machine"})
    made.issued(act)
    made.issued(act, direction="payable")
    made.draft(act)
    return made


@pytest.fixture
def slug(office: Office) -> str:
    with acting_as(office.identity):
        return Organisation.objects.get(pk=office.organisation_id).slug


def test_aged_as_json_and_as_text(slug: str) -> None:
    made = run("aged", "--organisation", slug, "--on", "2026-12-12", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    [row] = told["rows"]
    assert (row["name"], row["days_1_30"], row["total"], told["on"]) == (
        "Mirth Machine", 55_000, 55_000, "2026-12-12",
    )  # fmt: skip
    assert row["items"][0]["balance"] == 55_000
    text = run("aged", "--organisation", slug, "--on", "2026-12-12", "--direction", "payable").stdout
    assert "Mirth Machine" in text
    assert "550.00" in text
    assert run("aged", "--organisation", slug, "--on", "2020-01-01").stdout == "Nothing is open.\n"


def test_gst_of_a_period(slug: str) -> None:
    period = ("--organisation", slug, "--from", "2026-10-01", "--to", "2026-12-31")
    told = json.loads(run("gst", *period, "--json").stdout)
    assert told["figures"] == [
        {
            "currency": "AUD", "sales": 55_000, "tax_on_sales": 5_000, "purchases": 55_000,
            "tax_on_purchases": 5_000, "to_pay": 0,
        }
    ]  # fmt: skip
    assert len(told["entries"]) == 2
    assert json.loads(run("gst", *period, "--basis", "cash", "--json").stdout)["entries"] == []
    text = run("gst", *period).stdout
    assert "AUD: tax on sales A$50.00 - on purchases A$50.00 = A$0.00" in text


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_documents_are_written_to_a_file(slug: str, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"documents.{kind}"
    made = run("documents", "--organisation", slug, "--output", str(file), "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout) == {"file": str(file)}
    content = file.read_bytes()
    if kind == "csv":
        assert len(list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))) == 4
    elif kind == "xlsx":
        assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    else:
        assert len(json.loads(content)["documents"]) == 3


def test_documents_are_chosen_by_day_and_direction(slug: str) -> None:
    chosen = run("documents", "--organisation", slug, "--direction", "payable", "--format", "csv").stdout
    assert len(chosen.splitlines()) == 2
    none = run("documents", "--organisation", slug, "--to", "2026-01-01", "--lines", "--format", "csv").stdout
    assert len(none.splitlines()) == 1


def test_pdfs_are_zipped(slug: str, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    made = run("pdfs", "--organisation", slug, "--output", str(file), "--json")
    assert json.loads(made.stdout) == {"file": str(file), "documents": 2}
    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == 2


def test_an_e_invoice_is_written_or_its_lack_is_said(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "invoice.xml"
    act = office.party(name="Another Act", abn="47555222000")
    good, bad = office.issued(act, reference="PO 1"), office.issued(act)
    made = run("e-invoice", str(good.pk), "--output", str(file), "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    refused = run("e-invoice", str(bad.pk), "--output", str(tmp_path / "none.xml"), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["code"] == "cannot_be_an_e_invoice"
    assert "reference of the buyer's" in json.loads(refused.stdout)["error"]["message"]
    assert not (tmp_path / "none.xml").exists()


def test_a_bank_s_file_is_written(slug: str, tmp_path: Path) -> None:
    file = tmp_path / "pay.aba"
    options = ("--organisation", slug, "--bank", "CBA", "--output", str(file))
    made = run("aba", *options, "--on", "2026-12-11", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["total"], len(told["payments"]), told["left_out"]) == (55_000, 1, [])
    assert [len(line) for line in file.read_text().splitlines()] == [120, 120, 120]
    early = run("aba", *options, "--on", "2026-12-10", "--json")
    assert early.exit_code == 1
    assert json.loads(early.stdout)["error"]["code"] == "not_payable"


def test_what_cannot_be_is_said(slug: str) -> None:
    assert run("aged", "--organisation", "nobody").exit_code == 1
    assert run("aged", "--organisation", slug, "--format", "xlsx").exit_code == 2
    assert run("gst", "--organisation", slug).exit_code == 2
    assert run("gst", "--organisation", slug, "--from", "yesterday", "--to", "2026-12-31").exit_code == 2
