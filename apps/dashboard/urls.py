"""The dashboard's pages: a person's own at /me, a workspace's below /w/<slug>/."""

from django.urls import path, re_path

from apps.dashboard import (
    accounts_urls,
    billing_urls,
    conversations_urls,
    llm_urls,
    play_urls,
    signin,
    tasks_urls,
    team_urls,
    usage_urls,
    webhooks_urls,
)
from apps.dashboard.views import home, keys, keys_change, models, notifications, overview

app_name = "dashboard"

urlpatterns = [
    # These two stand before allauth's own of the same path; see `signin`.
    path("auth/github/login/", signin.github_login),
    path("auth/google/login/", signin.google_login),
    path("w/", home.home, name="home"),
    path("me", home.me, name="me"),
    path("me/theme", home.theme, name="theme"),
    path("me/language", home.language, name="language"),
    path("w/<slug:slug>/", overview.overview, name="overview"),
    path("w/<slug:slug>/first-hour/hide", overview.hide_first_hour, name="first_hour_hide"),
    path("w/<slug:slug>/models", models.model_list, name="models"),
    path("w/<slug:slug>/keys", keys.key_list, name="keys"),
    path("w/<slug:slug>/keys/new", keys.key_create, name="key_create"),
    path("w/<slug:slug>/keys/<int:key_id>/revoke", keys.key_revoke, name="key_revoke"),
    path("w/<slug:slug>/keys/<int:key_id>", keys_change.key_edit, name="key_edit"),
    path("w/<slug:slug>/keys/<int:key_id>/rotate", keys_change.key_rotate, name="key_rotate"),
    path("w/<slug:slug>/keys/<int:key_id>/old", keys_change.key_end_old, name="key_end_old"),
    path("w/<slug:slug>/keys/<int:key_id>/used", keys_change.key_first_call, name="key_used"),
    path("w/<slug:slug>/notifications", notifications.notice_list, name="notifications"),
    path("w/<slug:slug>/notifications/read", notifications.mark_read, name="notifications_read"),
    path(
        "w/<slug:slug>/notifications/settings",
        notifications.settings,
        name="notifications_settings",
    ),
    path("w/<slug:slug>/notifications/hook", notifications.hook_set, name="notifications_hook"),
    path(
        "w/<slug:slug>/notifications/secret",
        notifications.secret_rotate,
        name="notifications_secret",
    ),
    path("w/<slug:slug>/notifications/test", notifications.hook_test, name="notifications_test"),
    path(
        "w/<slug:slug>/notifications/preferences",
        notifications.preferences_set,
        name="notifications_preferences",
    ),
    path(
        "w/<slug:slug>/notifications/replay/<uuid:event_id>",
        notifications.hook_replay,
        name="notifications_replay",
    ),
    *tasks_urls.urlpatterns,
    *play_urls.urlpatterns,
    *accounts_urls.urlpatterns,
    *billing_urls.urlpatterns,
    *llm_urls.urlpatterns,
    *conversations_urls.urlpatterns,
    *team_urls.urlpatterns,
    *webhooks_urls.urlpatterns,
    *usage_urls.urlpatterns,
    # Last: the same addresses with a slash too many.
    re_path(r"^(?:w/[\w-]+/.+|me)/$", home.without_slash),
]
