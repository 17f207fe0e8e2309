"""The files of a document as they were made when it was issued: kept with their hash, never made again."""

import hashlib

from housecount.invoices import logos, pdf, ubl
from housecount.invoices.models import Document, DocumentFile
from housecount.invoices.printed import Known, printed_of


def store_pdf(document: Document, known: Known | None = None) -> DocumentFile:
    """Make and keep the PDF of a document that has just got its number; part of the caller's transaction."""
    return _store(document, "pdf", pdf.render(printed_of(document, known), logo=logos.for_paper(document)))


def store_ubl(document: Document) -> DocumentFile:
    """The e-invoice of an issued document: the one that was kept, or a new one, kept from now on.

    Raises `CannotBeSent` with every reason.
    """
    return stored(document, "ubl") or _store(document, "ubl", ubl.e_invoice(printed_of(document)))


def stored(document: Document, kind: str = "pdf") -> DocumentFile | None:
    """The file that was kept, if any."""
    return DocumentFile.objects.filter(
        organisation_id=document.organisation_id, document_id=document.pk, kind=kind
    ).first()


def _store(document: Document, kind: str, content: bytes) -> DocumentFile:
    return DocumentFile.objects.create(
        organisation_id=document.organisation_id,
        document=document,
        kind=kind,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )
