"""The organisation's logo: on the papers that it writes itself, and on no supplier's own invoice.

A paper keeps the logo that it was made with, because its bytes are kept. Only PNG and JPEG are taken: an SVG is a
program. What is taken has been set by the printer once, so that no picture keeps a document from being issued.
"""

import hashlib
import struct
from typing import Final
from uuid import UUID

from housecount.core.documents import NOTES, Direction, Kind
from housecount.invoices import pdf
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Document, Logo
from housecount.tenancy.models import User

MOST_BYTES: Final = 256 * 1024
MOST_PIXELS: Final = 3_000
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
#: The markers of a JPEG's frame, which tells its size.
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def set_logo(organisation_id: UUID, content: bytes, by: User | None = None) -> Logo:
    """Take a PNG or JPEG as the logo from now on. Raises `Invalid`."""
    if len(content) > MOST_BYTES:
        raise Invalid(f"The picture has more than {MOST_BYTES // 1024} KiB: make it smaller.")
    kind, width, height = _looked_at(content)
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise Invalid(f"A logo has at most {MOST_PIXELS} pixels each way; this has {width} × {height}.")
    if not pdf.can_print(content):
        raise Invalid("The picture is damaged: save it once more as PNG or JPEG.")
    logo, _ = Logo.objects.update_or_create(
        organisation_id=organisation_id,
        defaults={
            "kind": kind,
            "sha256": hashlib.sha256(content).hexdigest(),
            "content": content,
            "made_by": by,
        },
    )
    return logo


def remove_logo(organisation_id: UUID) -> None:
    """Print no logo from now on."""
    Logo.objects.filter(organisation_id=organisation_id).delete()


def logo_of(organisation_id: UUID) -> Logo | None:
    """The logo, if there is one."""
    return Logo.objects.filter(organisation_id=organisation_id).first()


def is_on(document: Document) -> bool:
    """Whether the logo stands on top of a document's paper: not on what a supplier wrote, or on what corrects that."""
    written = document.credits if document.kind in NOTES and document.credits else document
    return written.direction == Direction.RECEIVABLE or written.kind in {Kind.RCTI, Kind.PAYMENT_STATEMENT}


def for_paper(document: Document) -> bytes | None:
    """The picture on top of a document's paper, if there is one."""
    found = logo_of(document.organisation_id) if is_on(document) else None
    return bytes(found.content) if found else None


def _looked_at(content: bytes) -> tuple[str, int, int]:
    """Kind, width and height by the picture's own head. Raises `Invalid`."""
    try:
        if content.startswith(_PNG) and content[12:16] == b"IHDR":
            width, height = struct.unpack(">II", content[16:24])
            return "png", width, height
        if content.startswith(_JPEG):
            return ("jpeg", *_size_of_jpeg(content))
    except (struct.error, IndexError):
        pass
    raise Invalid("A logo is a PNG or a JPEG.")


def _size_of_jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    while content[at] == 0xFF:
        marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise IndexError
