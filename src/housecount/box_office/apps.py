from django.apps import AppConfig


class BoxOfficeConfig(AppConfig):
    name = "housecount.box_office"
    label = "box_office"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from housecount.tenancy.crypto import register_secret_columns

        register_secret_columns("box_office.Account", "credential", "hook_token")
