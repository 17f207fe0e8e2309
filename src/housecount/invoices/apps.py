"""Django's entry for the invoices."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Parties, documents and payments."""

    name = "housecount.invoices"
    label = "invoices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from housecount.invoices import asked, copies
        from housecount.sync import troubles
        from housecount.tenancy.crypto import register_secret_columns

        register_secret_columns("invoices.Party", "bank_details")
        troubles.watch_also(copies.troubles)
        troubles.watch_also(asked.troubles)
