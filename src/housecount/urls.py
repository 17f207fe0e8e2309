"""All addresses."""

from django.urls import URLPattern, URLResolver, include, path

from housecount.api import health, metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/v1/", include("housecount.api.urls")),
    path("", include("housecount.tenancy.urls")),
    path("", include("housecount.web.urls")),
]
