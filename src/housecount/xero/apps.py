"""Django's entry for Xero."""

from django.apps import AppConfig


class XeroConfig(AppConfig):
    """Connections, mappings, intents."""

    name = "housecount.xero"
    label = "xero"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from housecount.invoices.marks import register
        from housecount.tenancy.crypto import register_secret_columns
        from housecount.xero.marks import marks

        register(marks)

        register_secret_columns("xero.Connection", "client_secret", "access_token", "refresh_token")
        register_secret_columns("xero.Consent", "verifier", "tokens")
