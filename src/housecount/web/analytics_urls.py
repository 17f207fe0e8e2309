"""The addresses of the analytics pages."""

from django.urls import URLPattern, path

from housecount.web.views import analytics

urlpatterns: list[URLPattern] = [
    path("", analytics.analytics, name="analytics"),
    path("compare/", analytics.compared, name="analytics_compare"),
    path("download.csv", analytics.download, {"kind": "csv"}, name="analytics_download"),
    path("download.xlsx", analytics.download, {"kind": "xlsx"}, name="analytics_download"),
]
