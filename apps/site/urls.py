"""Public pages at the root."""

from django.urls import path

from apps.site import catalogue_urls, guides_urls, news_urls
from apps.site.views import landing, live, machines, referred

app_name = "site"

urlpatterns = [
    path("", landing.landing, name="landing"),
    path("live", live.live_start, name="live"),
    path("live/<str:token>", live.live_look, name="live_look"),
    path("r/<str:code>", referred.referred, name="referred"),
    path("robots.txt", machines.robots, name="robots"),
    path("sitemap.xml", machines.sitemap, name="sitemap"),
    path("favicon.ico", machines.Favicon.as_view(), name="favicon"),
    *catalogue_urls.urlpatterns,
    *guides_urls.urlpatterns,
    *news_urls.urlpatterns,
]
