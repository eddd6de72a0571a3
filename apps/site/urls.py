"""Public pages at the root."""

from django.urls import path

from apps.site import catalogue_urls, guides_urls, news_urls
from apps.site.views import landing, machines, referred

app_name = "site"

urlpatterns = [
    path("", landing.landing, name="landing"),
    path("r/<str:code>", referred.referred, name="referred"),
    path("robots.txt", machines.robots, name="robots"),
    path("sitemap.xml", machines.sitemap, name="sitemap"),
    path("favicon.ico", machines.Favicon.as_view(), name="favicon"),
    *catalogue_urls.urlpatterns,
    *guides_urls.urlpatterns,
    *news_urls.urlpatterns,
]
