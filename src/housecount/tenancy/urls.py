"""The addresses of sign-in and of people. What allauth offers beyond these is left out on purpose."""

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from django.urls import path, re_path

from housecount.tenancy import places, views

urlpatterns = [
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/signup/", account.signup, name="account_signup"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password/change/", account.password_change, name="account_change_password"),
    path("account/password/reset/", account.password_reset, name="account_reset_password"),
    path("account/password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "account/password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("account/sessions/", places.sessions, name="sessions"),
    path("account/sessions/end-others/", places.end_others, name="sessions_end_others"),
    path("account/sessions/<str:handle>/end/", places.end, name="session_end"),
    # The names of these are allauth's own.
    path("account/two-factor/", factor.index, name="mfa_index"),
    path("account/two-factor/code/", factor.authenticate, name="mfa_authenticate"),
    path("account/two-factor/again/", factor.reauthenticate, name="mfa_reauthenticate"),
    path("account/two-factor/on/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/two-factor/off/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/two-factor/recovery/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/two-factor/recovery/new/",
        recovery.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/two-factor/recovery/file/",
        recovery.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("invitation/<str:token>/", views.invitation, name="account_invitation"),
    path("organisation/<slug:slug>/", views.choose_organisation, name="choose_organisation"),
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite, name="people_invite"),
    path(
        "people/invitations/<uuid:invitation_id>/resend/", views.resend_invitation, name="invitation_resend"
    ),
    path(
        "people/invitations/<uuid:invitation_id>/revoke/", views.revoke_invitation, name="invitation_revoke"
    ),
    path("people/<uuid:membership_id>/role/", views.change_role, name="people_role"),
    path("people/<uuid:membership_id>/remove/", views.remove_member, name="people_remove"),
]
