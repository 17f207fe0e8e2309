"""The files of a document as they were made when it was issued: kept with their hash, never made again."""

import hashlib

from housecount.invoices import pdf, ubl
from housecount.invoices.models import Document, DocumentFile
from housecount.invoices.printed import Known, printed_of


def pdf_of(document: Document, known: Known, logo: bytes | None) -> DocumentFile:
    """The PDF of a document that has just got its number, for the caller to keep in the same transaction."""
    return _made(document, "pdf", pdf.render(printed_of(document, known), logo=logo))


def store_ubl(document: Document) -> DocumentFile:
    """The e-invoice of an issued document: the one that was kept, or a new one, kept from now on.

    Raises `CannotBeSent` with every reason.
    """
    kept = stored(document, "ubl")
    if kept is None:
        kept = _made(document, "ubl", ubl.e_invoice(printed_of(document)))
        kept.save(force_insert=True)
    return kept


def stored(document: Document, kind: str = "pdf") -> DocumentFile | None:
    """The file that was kept, if any."""
    return DocumentFile.objects.filter(
        organisation_id=document.organisation_id, document_id=document.pk, kind=kind
    ).first()


def _made(document: Document, kind: str, content: bytes) -> DocumentFile:
    return DocumentFile(
        organisation_id=document.organisation_id,
        document=document,
        kind=kind,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )
