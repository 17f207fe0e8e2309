"""Django's handle on this folder; importing it installs the guard against unscoped queries."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class TenancyConfig(AppConfig):
    name = "housecount.tenancy"
    label = "tenancy"
    verbose_name = "Tenancy"

    def ready(self) -> None:
        from housecount.tenancy.identity import install_guard

        connection_created.connect(install_guard, dispatch_uid="housecount.tenancy.identity")
