"""Django's entry for the intake."""

from django.apps import AppConfig


class IntakeConfig(AppConfig):
    """The webhook log."""

    name = "housecount.intake"
    label = "intake"
    default_auto_field = "django.db.models.BigAutoField"
