"""Papers that no document stands behind, and the reading of a PDF's words. All invented."""

import re
import zlib
from collections.abc import Iterator
from datetime import date
from typing import Any

from housecount.core.documents import Direction, Kind
from housecount.core.tax import Amounts, Priced, PriceMode, RoundingRule, Treatment, line_amounts
from housecount.core.tax import total as sum_of
from housecount.invoices.printed import BankAccount, Printed, PrintedLine, PrintedParty

US = PrintedParty(
    name="Laughing Stock",
    legal_name="Laughing Stock Comedy Pty Ltd",
    address=("Level 2, 80 Giggle Street", "Melbourne VIC 3000"),
    country="AU",
    email="accounts@laughing.example",
    abn="53004085616",
    registered=True,
)
ACT = PrintedParty(
    name="Zoë Ng-Māhina",
    legal_name="The Ng Dynasty Pty Ltd",
    address=("3/14 Punchline Parade", "Fitzroy VIC 3065"),
    country="AU",
    abn="51824753556",
    registered=True,
)
BANK = BankAccount(bsb="062000", account="12345678", name="Laughing Stock Comedy Pty Ltd")
HEADLINE = ("Headline set", Priced(quantity=1, unit_price=50_000))  # type: ignore[arg-type]


def printed(
    *lines: tuple[str, Priced],
    mode: PriceMode = PriceMode.EXCLUSIVE,
    rate: int = 1000,
    rule: RoundingRule = RoundingRule.PER_LINE,
    **changes: Any,
) -> Printed:
    """An invoice for a headline set, or for `lines`, with the amounts that core gives them."""
    given = lines or (HEADLINE,)
    amounts = line_amounts([priced for _, priced in given], mode, rate, rule)
    rows = tuple(_line(text, priced, each) for (text, priced), each in zip(given, amounts, strict=True))
    net, tax, gross = sum_of(amounts)
    fields: dict[str, Any] = {
        "id": "2f1d3c9e-0000-4000-8000-000000000001",
        "kind": Kind.INVOICE,
        "direction": Direction.RECEIVABLE,
        "number": "INV-00001",
        "currency": "AUD",
        "issue_date": date(2026, 11, 27),
        "due_date": date(2026, 12, 11),
        "supply_date": date(2026, 11, 27),
        "show": "Friday Night Laughs, The Velvet Room",
        "reference": "PO 4711",
        "notes": "",
        "deposit_kind": None,
        "price_mode": mode,
        "rounding_rule": rule,
        "tax_rate": rate,
        "supplier": US,
        "buyer": ACT,
        "lines": rows,
        "net_total": net,
        "tax_total": tax,
        "total": gross,
        "withheld": 0,
        "prepaid": (),
        "credits_number": "",
        "credits_date": None,
        "credits_kind": None,
        "bank": BANK,
    }
    return Printed(**{**fields, **changes})


def _line(text: str, priced: Priced, amounts: Amounts) -> PrintedLine:
    return PrintedLine(
        description=text,
        quantity=str(priced.quantity),
        unit_price=priced.unit_price,
        discount=priced.discount,
        treatment=Treatment(priced.treatment),
        net=amounts.net,
        tax=amounts.tax,
        gross=amounts.gross,
    )


def rcti(*lines: tuple[str, Priced], **changes: Any) -> Printed:
    """The act's invoice, made by us."""
    roles: dict[str, Any] = {
        "kind": Kind.RCTI,
        "direction": Direction.PAYABLE,
        "number": "RCTI-00001",
        "supplier": ACT,
        "buyer": US,
    }
    return printed(*lines, **{**roles, **changes})


# --- Reading a PDF ------------------------------------------------------------------------------------
def objects(pdf: bytes) -> dict[int, bytes]:
    """A PDF's objects by number, as they stand in the file."""
    return {int(found[1]): found[2] for found in re.finditer(rb"(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)}


def _stream(found: bytes) -> bytes:
    return zlib.decompress(found.partition(b"\nstream\n")[2].rpartition(b"\nendstream")[0])


def page_texts(pdf: bytes) -> list[str]:
    """The words of each page, as a reader copies them: by the table that every font carries."""
    kept = objects(pdf)
    pages = re.search(rb"/Type/Pages/Count \d+/Kids\[([\d R]+)\]", pdf)
    assert pages
    return [_page(kept, int(number)) for number in re.findall(rb"(\d+) 0 R", pages[1])]


def _page(kept: dict[int, bytes], number: int) -> str:
    resources = re.search(rb"/Resources (\d+) 0 R", kept[number])
    contents = re.search(rb"/Contents (\d+) 0 R", kept[number])
    assert resources
    assert contents
    fonts = re.search(rb"/Font<<(.*?)>>", kept[int(resources[1])])
    assert fonts
    tables = {}
    for name, at in re.findall(rb"/(f\d+) (\d+) 0 R", fonts[1]):
        to_unicode = re.search(rb"/ToUnicode (\d+) 0 R", kept[int(at)])
        assert to_unicode
        tables[name] = _letters(_stream(kept[int(to_unicode[1])]))
    said, table = [], {}
    for token in _tokens(_stream(kept[int(contents[1])])):
        if token == b"BT":
            said.append(" ")
        elif token.startswith(b"/"):
            table = tables[token[1:]]
        else:
            said += [table[int.from_bytes(token[at : at + 2])] for at in range(1, len(token), 2)]
    return re.sub(r"\s+", " ", "".join(said).replace("\u200b", ""))


def _tokens(stream: bytes) -> Iterator[bytes]:
    """Begins of text, `/font`, and `(` with the bytes of each string that is shown."""
    at = 0
    while at < len(stream):
        if stream[at : at + 1] == b"(":
            text, at = _string(stream, at + 1)
            yield b"(" + text
        elif found := re.compile(rb"/(f\d+) [\d.]+ Tf|<<.*?>>|<([0-9A-Fa-f]+)>|\b(BT)\b", re.DOTALL).match(
            stream, at
        ):
            at = found.end()
            if found[1]:
                yield b"/" + found[1]
            elif found[2]:
                yield b"(" + bytes.fromhex(found[2].decode())
            elif found[3]:
                yield found[3]
        else:
            at += 1


_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def _string(stream: bytes, at: int) -> tuple[bytes, int]:
    """The bytes of a string in brackets, which may hold others in pairs; and where it ends."""
    text, depth = b"", 1
    while True:
        each = stream[at : at + 1]
        if each == b"\\":
            octal = re.compile(rb"[0-7]{1,3}").match(stream, at + 1)
            text += (
                bytes([int(octal[0], 8)])
                if octal
                else _ESCAPES.get(stream[at + 1 : at + 2], stream[at + 1 : at + 2])
            )
            at = octal.end() if octal else at + 2
            continue
        depth += {b"(": 1, b")": -1}.get(each, 0)
        at += 1
        if depth == 0:
            return text, at
        text += each


def _letters(table: bytes) -> dict[int, str]:
    letters = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for code, text in re.findall(rb"<([0-9A-Fa-f]+)> ?<([0-9A-Fa-f]+)>", block):
            letters[int(code, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    return letters
