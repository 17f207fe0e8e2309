"""What tests of Xero share."""

import pytest


@pytest.fixture
def plain_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the paper does not matter, and would take long."""
    monkeypatch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())
