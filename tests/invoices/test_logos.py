"""The logo: what is taken, where it is printed, and that what is issued keeps the one it had."""

import struct
import zlib

import pytest

from housecount.invoices import files, here, logos, pdf
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Document, Logo
from housecount.invoices.printed import printed_of
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office


def png(width: int = 40, height: int = 20, colour: bytes = b"\xc4\x55\x2d") -> bytes:
    """A picture of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + colour * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    """The head of a JPEG of this size, and no more of it."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"nota"
    return b"\xff\xd8" + comment + b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def set_logo(office: Office, content: bytes) -> Logo:
    with acting_as(office.identity):
        return logos.set_logo(office.organisation_id, content)


def paper(office: Office, document: Document) -> bytes:
    with acting_as(office.identity):
        kept = files.stored(here.document(document.pk))
        assert kept is not None
        return bytes(kept.content)


def test_a_paper_keeps_the_logo_it_was_made_with(office: Office) -> None:
    venue = office.party()
    bare = office.issued(venue)
    first = set_logo(office, png())
    assert (first.kind, len(first.sha256)) == ("png", 64)
    with_logo = office.issued(venue, reference="B")
    before = paper(office, with_logo)
    assert b"/Subtype/Image" in before
    assert b"/Subtype/Image" not in paper(office, bare)
    set_logo(office, png(colour=b"\x00\x00\x00"))
    assert paper(office, with_logo) == before
    with acting_as(office.identity):
        assert Logo.objects.filter(organisation_id=office.organisation_id).count() == 1
        document = here.document(with_logo.pk)
        assert pdf.render(printed_of(document), logo=logos.for_paper(document)) != before
        logos.remove_logo(office.organisation_id)
        assert logos.for_paper(document) is None


def test_a_suppliers_own_paper_bears_no_logo_of_ours(office: Office) -> None:
    act = office.party()
    set_logo(office, png())
    bill = office.draft(act, kind="invoice", direction="payable")
    rcti = office.draft(act, kind="rcti", direction="payable", reference="R")
    with acting_as(office.identity):
        assert logos.for_paper(here.document(bill.pk)) is None
        assert logos.for_paper(here.document(rcti.pk)) is not None


def test_what_is_no_logo_is_refused_in_words(office: Office) -> None:
    cut = png(300, 300)
    for content, words in (
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG or a JPEG"),
        (b"", "PNG or a JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG or a JPEG"),
        (b"\xff\xd8\xff", "PNG or a JPEG"),
        (png() + b"\0" * logos.MOST_BYTES, "256 KiB"),
        (png(3_001, 1), "3000 pixels"),
        (jpeg(20_000, 20_000), "20000 × 20000"),
        (jpeg(100, 50), "damaged"),
        (cut[: len(cut) // 2], "damaged"),
    ):
        with pytest.raises(Invalid, match=words):
            set_logo(office, content)
    with acting_as(office.identity):
        assert logos.logo_of(office.organisation_id) is None
