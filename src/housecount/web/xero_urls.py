"""The addresses of Xero's pages."""

from django.urls import path

from housecount.web.views import xero, xero_connection

urlpatterns = [
    path("xero/", xero.xero, name="xero"),
    path("xero/push/", xero.push, name="xero_push"),
    path("xero/push/<uuid:document_id>/", xero.push_document, name="xero_push_document"),
    path("xero/by-hand/<uuid:document_id>/", xero.by_hand, name="xero_by_hand"),
    path("xero/pull/", xero.pull, name="xero_pull"),
    path("xero/automatic/", xero.automatic, name="xero_automatic"),
    path("xero/history/", xero.history, name="xero_history"),
    path("xero/connect/", xero_connection.connect, name="xero_connect"),
    # Xero knows this address to the letter: without a slash.
    path("xero/callback", xero_connection.callback, name="xero_callback"),
    path("xero/choose/", xero_connection.choose, name="xero_choose"),
    path("xero/disconnect/", xero_connection.disconnect, name="xero_disconnect"),
    path("xero/mapping/", xero_connection.mapped, name="xero_mapping"),
    path("xero/contacts/<uuid:party_id>/", xero_connection.contact, name="xero_contact"),
]
