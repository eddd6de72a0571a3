"""Status, changelog and terms."""

from django.urls import URLPattern, path

from apps.site.views import brand, legal, news, status

urlpatterns: list[URLPattern] = [
    path("status", status.status, name="status"),
    path("status.json", status.status_json, name="status_json"),
    path("status/<slug:family>", status.status_of_family, name="status_family"),
    path("changelog", news.changelog, name="changelog"),
    path("changelog.atom", news.changelog_atom, name="changelog_atom"),
    path("terms", legal.terms, name="terms"),
    path("privacy", legal.privacy, name="privacy"),
    path("brand.css", brand.brand_css, name="brand_css"),
]
