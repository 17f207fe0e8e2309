"""The addresses of the pages."""

from django.urls import URLPattern, URLResolver, include, path

from housecount.web.views import bill, matching, profile, run, show, show_exports, shows

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("housecount.web.invoice_urls")),
    path("", shows.shows, name="shows"),
    path("you/", profile.profile, name="profile"),
    path("shows/<uuid:show_id>/", show.show, name="show"),
    path("shows/<uuid:show_id>/lines/", show.lines, name="show_lines"),
    path("shows/export.csv", show_exports.shows, {"kind": "csv"}, name="shows_export"),
    path("shows/export.xlsx", show_exports.shows, {"kind": "xlsx"}, name="shows_export"),
    path("shows/<uuid:show_id>/lines.csv", show_exports.lines, {"kind": "csv"}, name="show_export"),
    path("shows/<uuid:show_id>/lines.xlsx", show_exports.lines, {"kind": "xlsx"}, name="show_export"),
    path("shows/<uuid:show_id>/capacity/", matching.capacity, name="show_capacity"),
    path("shows/<uuid:show_id>/bill/add/", bill.add, name="show_bill_add"),
    path("shows/<uuid:show_id>/bill/remove/", bill.remove, name="show_bill_remove"),
    path("shows/<uuid:show_id>/run/", run.edit, name="show_run"),
    path("shows/<uuid:show_id>/merge/", matching.merge, name="show_merge"),
    path("listings/<uuid:listing_id>/link/", matching.link, name="listing_link"),
    path("listings/<uuid:listing_id>/unlink/", matching.unlink, name="listing_unlink"),
    path("shows/<uuid:show_id>/revive/", matching.revive, name="show_revive"),
    path("suggestions/<uuid:suggestion_id>/restore/", matching.restore, name="suggestion_restore"),
    path("suggestions/<uuid:suggestion_id>/decline/", matching.decline, name="suggestion_decline"),
    path("to-match/", matching.to_match, name="to_match"),
    path("analytics/", include("housecount.web.analytics_urls")),
    path("", include("housecount.web.sync_urls")),
    path("", include("housecount.web.settings_urls")),
    path("", include("housecount.web.xero_urls")),
]
