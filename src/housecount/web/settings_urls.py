"""The addresses of Settings, and of the operators' page."""

from django.urls import path

from housecount.web.views import audit, connect, notifications, operate, settings, tokens

urlpatterns = [
    path("settings/", settings.settings, name="settings"),
    path("settings/second-factor/", settings.ask_second_factor, name="ask_second_factor"),
    path("settings/notifications/", notifications.notifications, name="notifications"),
    path("settings/tokens/", tokens.tokens, name="tokens"),
    path("settings/tokens/<uuid:token_id>/revoke/", tokens.revoke, name="token_revoke"),
    path("settings/audit/", audit.audit, name="audit"),
    path("settings/accounts/connect/", connect.choose, name="connect"),
    path("settings/accounts/connect/<slug:platform>/", connect.connect, name="connect_platform"),
    path("settings/accounts/<uuid:account_id>/key/", connect.reconnect, name="new_key"),
    path("settings/accounts/<uuid:account_id>/disconnect/", connect.disconnect, name="disconnect"),
    path("operate/", operate.operate, name="operators"),
    path("operate/jobs/<int:job_id>/retry/", operate.retry, name="job_retry"),
    path("operate/jobs/<int:job_id>/cancel/", operate.cancel, name="job_cancel"),
    path("operate/webhooks/<int:hook_id>/retry/", operate.retry_hook, name="dead_hook_retry"),
    path("operate/webhooks/<int:hook_id>/dismiss/", operate.dismiss_hook, name="dead_hook_dismiss"),
]
