"""The addresses of the API, under /api/v1/."""

from django.urls import path, re_path

from housecount.api.v1 import api, nothing_here

urlpatterns = [path("", nothing_here), path("", api.urls), re_path(r"", nothing_here)]
