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
        from allauth.mfa import signals as factor

        from housecount.tenancy import crypto, notices, second_factor, sessions
        from housecount.tenancy.identity import install_guard

        connection_created.connect(install_guard, dispatch_uid="housecount.tenancy.identity")
        user_logged_in.connect(sessions.remember_device, dispatch_uid="housecount.tenancy.sessions")
        for changed in (password_changed, password_reset, password_set):
            changed.connect(
                sessions.end_where_the_password_was_old, dispatch_uid="housecount.tenancy.sessions"
            )
            changed.connect(notices.password_changed, dispatch_uid="housecount.tenancy.notices")
        factor.authenticator_added.connect(
            sessions.begin_anew_with_the_factor, dispatch_uid="housecount.tenancy.sessions"
        )
        user_logged_in.connect(notices.signed_in, dispatch_uid="housecount.tenancy.notices")
        for signal, tell in (
            (factor.authenticator_added, notices.factor_added),
            (factor.authenticator_removed, notices.factor_removed),
            (factor.authenticator_reset, notices.codes_made),
            (factor.authenticator_used, notices.code_used),
        ):
            signal.connect(tell, dispatch_uid="housecount.tenancy.notices")
        crypto.register_secrets("mfa.Authenticator.data", second_factor.rotate)
