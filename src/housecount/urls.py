"""All addresses."""

from django.urls import URLPattern, URLResolver, include, path

from housecount.api import changes, health, metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("events", changes.no_events, name="events"),
    path("live/who", changes.who, name="live_who"),
    path("api/v1/", include("housecount.api.urls")),
    path("", include("housecount.tenancy.urls")),
    path("", include("housecount.web.urls")),
]
