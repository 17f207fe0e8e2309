"""Django's handle on this folder; importing it installs the guard against unscoped queries."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.backends.signals import connection_created


class TenancyConfig(AppConfig):
    name = "housecount.tenancy"
    label = "tenancy"
    verbose_name = "Tenancy"

    def ready(self) -> None:
        from allauth.account.signals import password_changed, password_reset, password_set

        from housecount.tenancy import sessions
        from housecount.tenancy.identity import install_guard

        connection_created.connect(install_guard, dispatch_uid="housecount.tenancy.identity")
        user_logged_in.connect(sessions.remember_device, dispatch_uid="housecount.tenancy.sessions")
        for changed in (password_changed, password_reset, password_set):
            changed.connect(
                sessions.end_where_the_password_was_old, dispatch_uid="housecount.tenancy.sessions"
            )
