"""The documentation. `/docs/api` is the API reference's (apps.api.urls, which come first)."""

from django.urls import path
from django.views.generic import RedirectView

from apps.site.views import guides

urlpatterns = [
    path("docs/", guides.index, name="guides"),
    path("docs/<slug:slug>", guides.guide, name="guide"),
    path("docs/<slug:slug>/", RedirectView.as_view(pattern_name="site:guide")),
    path("docs/<slug:slug>.md", guides.text, name="guide-text"),
    path("llms.txt", guides.llms, name="llms"),
]
