"""The addresses of documents, parties, and of a recipient's link."""

from django.urls import path

from housecount.web.views import act_invoices, document, document_form, invoices, parties, recipient, reports

_DOCUMENT = "invoices/<uuid:document_id>"

urlpatterns = [
    path("invoices/", invoices.invoices, name="invoices"),
    path("invoices/new/", document_form.new, name="document_new"),
    path("invoices/raise/", act_invoices.raise_invoice, name="invoice_raise"),
    path("invoices/batch/", invoices.batch, name="batch"),
    path("invoices/recurring/", invoices.recurring, name="recurring"),
    path("invoices/recurring/<uuid:recurring_id>/", invoices.recurring_switch, name="recurring_switch"),
    path("invoices/reports/", reports.reports, name="reports"),
    path("invoices/documents.csv", reports.export, {"kind": "csv"}, name="export_csv"),
    path("invoices/documents.xlsx", reports.export, {"kind": "xlsx"}, name="export_xlsx"),
    path("invoices/documents.zip", reports.export, {"kind": "zip"}, name="export_zip"),
    path(f"{_DOCUMENT}/", document.document, name="document"),
    path(f"{_DOCUMENT}/pdf/", document.document_pdf, name="document_pdf"),
    path(f"{_DOCUMENT}/edit/", document_form.edit, name="document_edit"),
    path(f"{_DOCUMENT}/approve/", document.approve, name="document_approve"),
    path(f"{_DOCUMENT}/reopen/", document.reopen, name="document_reopen"),
    path(f"{_DOCUMENT}/issue/", document.issue, name="document_issue"),
    path(f"{_DOCUMENT}/delete/", document.delete, name="document_delete"),
    path(f"{_DOCUMENT}/void/", document.void, name="document_void"),
    path(f"{_DOCUMENT}/write-off/", document.write_off, name="document_write_off"),
    path(f"{_DOCUMENT}/pay/", document.pay, name="document_pay"),
    path(f"{_DOCUMENT}/credit/", document.credit, name="document_credit"),
    path(f"{_DOCUMENT}/send/", document.send, name="document_send"),
    path(f"{_DOCUMENT}/link/", document.link, name="document_link"),
    path(f"{_DOCUMENT}/link/<uuid:link_id>/revoke/", document.link_revoke, name="document_link_revoke"),
    path(f"{_DOCUMENT}/delivery/<uuid:delivery_id>/", document.delivery, name="document_delivery"),
    path(f"{_DOCUMENT}/settle/", document.settle, name="document_settle"),
    path(f"{_DOCUMENT}/remind/", document.remind, name="document_remind"),
    path(f"{_DOCUMENT}/repeat/", document.repeat, name="document_repeat"),
    path("parties/", parties.parties, name="parties"),
    path("parties/new/", parties.new, name="party_new"),
    path("parties/<uuid:party_id>/", parties.party, name="party"),
    path("parties/<uuid:party_id>/edit/", parties.edit, name="party_edit"),
    path("parties/<uuid:party_id>/archive/", parties.archive, name="party_archive"),
    path("parties/<uuid:party_id>/agreement/", parties.agreement, name="party_agreement"),
    path("parties/<uuid:party_id>/collect/", parties.collect, name="party_collect"),
    path("d/<str:token>", recipient.document, name="recipient"),
    path("d/<str:token>/pdf", recipient.pdf, name="recipient_pdf"),
    path("d/<str:token>/dispute", recipient.dispute, name="recipient_dispute"),
    path("d/<str:token>/promise", recipient.promise, name="recipient_promise"),
]
