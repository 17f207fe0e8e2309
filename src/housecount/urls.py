"""All addresses. The pages and the API are joined in when they are part of this build."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = []
urlpatterns.append(path("", include("housecount.tenancy.urls")))
if find_spec("housecount.api.urls"):
    urlpatterns.append(path("api/v1/", include("housecount.api.urls")))
if find_spec("housecount.web.urls"):
    urlpatterns.append(path("", include("housecount.web.urls")))
