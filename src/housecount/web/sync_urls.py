"""The addresses of Sync."""

from django.urls import path

from housecount.web.views import accounts, hooks, sync

urlpatterns = [
    path("accounts/", accounts.accounts, name="accounts"),
    path("sync/", sync.sync, name="sync"),
    path("sync/read/", sync.read_now, name="read_now"),
    path("sync/accounts/<uuid:account_id>/read/", sync.read_now, name="read_account"),
    path("sync/runs/", sync.runs, name="sync_runs"),
    path("sync/gaps/", sync.gaps, name="sync_gaps"),
    path("sync/set-aside/", sync.aside, name="sync_aside"),
    path("sync/hooks/", hooks.hooks, name="hooks"),
    path("sync/hooks/replay/", hooks.replay_found, name="hooks_replay"),
    path("sync/hooks/replayed/", hooks.replayed, name="hooks_replayed"),
    path("sync/hooks/<int:hook_id>/", hooks.hook, name="hook"),
    path("sync/hooks/<int:hook_id>/replay/", hooks.replay, name="hook_replay"),
    path("sync/hooks/<int:hook_id>/dismiss/", hooks.dismiss, name="hook_dismiss"),
]
