"""Django's entry for the change feed."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """What changed, in the order in which it was committed."""

    name = "housecount.live"
    label = "live"
    default_auto_field = "django.db.models.BigAutoField"
