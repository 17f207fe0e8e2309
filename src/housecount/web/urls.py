"""The addresses of the pages."""

from django.urls import URLPattern, URLResolver, include, path

from housecount.web.views import accounts, matching, show, shows

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("housecount.web.invoice_urls")),
    path("", shows.shows, name="shows"),
    path("shows/<uuid:show_id>/", show.show, name="show"),
    path("shows/<uuid:show_id>/lines/", show.lines, name="show_lines"),
    path("shows/<uuid:show_id>/capacity/", matching.capacity, name="show_capacity"),
    path("shows/<uuid:show_id>/merge/", matching.merge, name="show_merge"),
    path("listings/<uuid:listing_id>/link/", matching.link, name="listing_link"),
    path("listings/<uuid:listing_id>/unlink/", matching.unlink, name="listing_unlink"),
    path("suggestions/<uuid:suggestion_id>/decline/", matching.decline, name="suggestion_decline"),
    path("to-match/", matching.to_match, name="to_match"),
    path("accounts/", accounts.accounts, name="accounts"),
]
