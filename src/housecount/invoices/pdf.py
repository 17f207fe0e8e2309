"""A document as a PDF: tagged, PDF/A, set by typst from `paper/document.typ`.

The same `Printed` gives the same bytes, in every process and on every machine: only the fonts beside the template
and those within typst are used, and every date in the file is the document's own. All text reaches the template
as data, so that nothing in a name is read as markup.
"""

import json
import re
import threading
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

import typst

from housecount.core.errors import HousecountError, NextStep
from housecount.core.tax import Treatment
from housecount.invoices import wording
from housecount.invoices.printed import Printed

_PAPER: Final = Path(__file__).parent / "paper"
_STANDARDS: Final["list[typst.PDFStandard]"] = ["a-2a", "ua-1"]
#: A word longer than this may be broken anywhere.
_LONGEST_WORD: Final = 28
#: Control characters and halves of characters.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs"})
#: They turn the direction of what follows, beyond their own text.
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_LETTER: Final = re.compile('the text `"(.*?)"` could not be displayed')
#: Pictures, and what only changes how they look.
_SYMBOLS: Final = frozenset({"So", "Sk", "Cf", "Co", "Cn"})
_VARIANTS: Final = frozenset(map(chr, range(0xFE00, 0xFE10)))
_local = threading.local()


class NotPrintable(HousecountError):
    """A letter for which neither we nor this machine have a font."""

    code = "not_printable"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


def render(printed: Printed, *, draft: bool = False, logo: bytes | None = None) -> bytes:
    """The PDF. `draft` marks every page as one; `logo` is a PNG or JPEG.

    What our own fonts lack is set in a font of this machine. Where that has none either, symbols are left out, and
    a letter raises `NotPrintable`: a name that nobody can read names nobody.
    """
    lacking = ""
    for own_fonts, symbols in ((True, True), (False, True), (False, False)):
        try:
            made = _compiler(own_fonts=own_fonts).compile(
                format="pdf",
                sys_inputs=_inputs(printed, draft=draft, logo=logo, symbols=symbols),
                pdf_standards=_STANDARDS,
                timestamp=datetime.combine(printed.issue_date, time(), UTC),
            )
        except typst.TypstError as error:
            found = _NO_LETTER.search(error.message)
            if found is None:
                raise
            lacking = found[1]
        else:
            assert isinstance(made, bytes)
            return made
    raise NotPrintable(
        f"“{lacking}” cannot be printed: there is no font for it. Write it in other letters, or install a font that has"
        " it on the machine that Housecount runs on."
    )


def can_print(picture: bytes) -> bool:
    """Whether a picture can be set as a logo."""
    compiler = typst.Compiler(
        b'#set document(title: "logo")\n#image(bytes(json(bytes(sys.inputs.picture))), alt: "logo")',
        sys_inputs={"picture": json.dumps(list(picture))},
        ignore_system_fonts=True,
    )
    try:
        return compiler.compile(format="pdf", pdf_standards=_STANDARDS) is not None
    except typst.TypstError:
        return False


def pictures(printed: Printed, *, draft: bool = False, logo: bytes | None = None) -> list[bytes]:
    """Each page as a PNG."""
    made = _compiler(own_fonts=True).compile(
        format="png", ppi=110, sys_inputs=_inputs(printed, draft=draft, logo=logo)
    )
    assert made is not None
    return [made] if isinstance(made, bytes) else made


def _compiler(*, own_fonts: bool) -> typst.Compiler:
    # Kept for each thread: a compiler holds the fonts and the parsed template, and serves one caller at a time.
    kept: dict[bool, typst.Compiler] = _local.__dict__.setdefault("compilers", {})
    if own_fonts not in kept:
        fonts = typst.Fonts(include_system_fonts=not own_fonts, font_paths=[_PAPER / "fonts"])
        kept[own_fonts] = typst.Compiler(_PAPER / "document.typ", root=_PAPER, font_paths=fonts)
    return kept[own_fonts]


def _inputs(printed: Printed, *, draft: bool, logo: bytes | None, symbols: bool = True) -> dict[str, str]:
    sheet = {**sheet_of(printed), "draft": draft, "logo": list(logo) if logo else None}
    text = json.dumps(sheet, ensure_ascii=False)
    if not symbols:
        text = "".join(
            each for each in text if unicodedata.category(each) not in _SYMBOLS and each not in _VARIANTS
        )
    return {"sheet": text}


def sheet_of(printed: Printed) -> Mapping[str, object]:
    """What the template sets: every text as it is printed, amounts included."""
    taxed = wording.shows_tax(printed)
    currency = printed.currency
    number = printed.number or "Draft"

    def amount(minor: int) -> str:
        return wording.amount(minor, currency)

    discounted = any(line.discount for line in printed.lines)
    head = ["Description", "Quantity", wording.price_heading(printed)]
    if discounted:
        head.append("Discount")
    uniform = [each.treatment for each in printed.classes] == [Treatment.TAXABLE]
    tax_head = wording.treatment_name(Treatment.TAXABLE, printed) if uniform else printed.tax_name
    head += [f"Ex {printed.tax_name}", tax_head, "Amount"] if taxed else ["Amount"]
    rows = []
    for line in printed.lines:
        row = [line.quantity.replace("-", "−"), amount(line.unit_price)]
        if discounted:
            row.append(amount(-line.discount) if line.discount else "")
        row += [amount(line.net), amount(line.tax), amount(line.gross)] if taxed else [amount(line.gross)]
        rows.append(
            {
                "description": [_breakable(part) for part in line.description.splitlines() or [""]],
                "treatment": wording.treatment_name(line.treatment, printed) if taxed and not uniform else "",
                # What would not fit a page on its own may run over to the next.
                "long": len(line.description) > 600 or line.description.count("\n") > 12,
                "cells": row,
            }
        )
    dates = [("Issued", wording.day(printed.issue_date))]
    if printed.supply_date:
        dates.append(("Supplied", wording.day(printed.supply_date)))
    if printed.due_date and not printed.is_credit:
        dates.append(("Due", wording.day(printed.due_date)))
    facts = [*dates]
    if printed.credits_number:
        facts.append(("Corrects", printed.credits_number))
    if printed.show:
        facts.append(("Show", _breakable(printed.show)))
    if printed.reference:
        facts.append(("Reference", _breakable(printed.reference)))
    return {
        "language": "en",
        "region": printed.supplier.country or "AU",
        "title": f"{wording.heading(printed)} {number}",
        "author": _breakable(printed.buyer.name if printed.by_buyer else printed.supplier.name),
        "date": [printed.issue_date.year, printed.issue_date.month, printed.issue_date.day],
        "heading": wording.heading(printed),
        "number": number,
        "currency": currency,
        "supplier": _block(printed, supplier=True),
        "buyer": _block(printed, supplier=False),
        "facts": facts,
        "head": head,
        "rows": rows,
        "classes": _classes(printed) if taxed and len(printed.classes) > 1 else [],
        "totals": _totals(printed, taxed=taxed),
        "due": None
        if printed.is_credit
        else [
            "Amount due" if printed.direction == "receivable" else "Amount to pay",
            wording.money(printed.due, currency),
        ],
        "payment": _payment(printed),
        "notes": [_breakable(part) for part in printed.notes.splitlines()],
        "statements": [_breakable(each) for each in wording.statements(printed)],
        "remarks": wording.remarks(printed),
    }


def _block(printed: Printed, *, supplier: bool) -> Mapping[str, object]:
    party = printed.supplier if supplier else printed.buyer
    return {
        "label": "Supplier" if supplier else wording.buyer_heading(printed),
        "name": _breakable(party.name),
        "lines": [_breakable(line) for line in wording.party_lines(party, printed.tax_name)],
    }


def _classes(printed: Printed) -> list[list[str]]:
    head = ["Of this", f"Ex {printed.tax_name}", printed.tax_name, "Total"]
    return [
        head,
        *(
            [
                wording.treatment_name(each.treatment, printed),
                *(wording.amount(value, printed.currency) for value in (each.net, each.tax, each.gross)),
            ]
            for each in printed.classes
        ),
    ]


def _totals(printed: Printed, *, taxed: bool) -> list[tuple[str, str, bool]]:
    """Label, amount, whether it stands out."""
    currency, tax = printed.currency, printed.tax_name

    def money(minor: int) -> str:
        return wording.money(minor, currency)

    totals: list[tuple[str, str, bool]] = []
    if taxed:
        totals.append((f"Total ex {tax}", money(printed.net_total), False))
        totals.append((tax, money(printed.tax_total), False))
        totals.append((f"Total incl. {tax}", money(printed.total), True))
    else:
        totals.append(("Total", money(printed.total), True))
    totals += [
        (f"Less deposit received, {each.number}", money(-each.amount), False) for each in printed.prepaid
    ]
    if printed.withheld:
        totals.append((wording.withheld_label(printed), money(-printed.withheld), False))
    return totals


def _payment(printed: Printed) -> list[tuple[str, str]]:
    bank = printed.bank
    if bank is None or printed.due <= 0:
        return []
    told = [
        ("Account name", _breakable(bank.name)),
        wording.branch(printed, bank.bsb),
        ("Account", wording.account(printed, bank.account)),
        ("Reference", printed.number or ""),
    ]
    return [(label, text) for label, text in told if text]


def _breakable(text: str) -> str:
    """`text` without what cannot be printed; its longest words may be broken, by zero-width spaces."""
    printable = "".join(
        each for each in text if unicodedata.category(each) not in _UNPRINTABLE and each not in _TURNS
    )
    return " ".join(
        word
        if len(word) <= _LONGEST_WORD
        else "\u200b".join(word[at : at + 8] for at in range(0, len(word), 8))
        for word in printable.split(" ")
    )
