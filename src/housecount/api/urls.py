"""The addresses of the API, under /api/v1/."""

from django.urls import path, re_path

from housecount.api.manners import well_behaved
from housecount.api.v1 import api, nothing_here

_patterns, _app, _namespace = api.urls
urlpatterns = [
    path("", nothing_here),
    path("", (well_behaved(_patterns), _app, _namespace)),
    re_path(r"", nothing_here),
]
