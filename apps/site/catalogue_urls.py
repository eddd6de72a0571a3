"""Models and prices, for everybody."""

from django.urls import URLPattern, path

from apps.site.views import catalogue, pricing

urlpatterns: list[URLPattern] = [
    path("models", catalogue.model_list, name="models"),
    path("models/<path:name>", catalogue.model, name="model"),
    path("try/<path:name>", catalogue.try_model, name="try_model"),
    path("pricing", pricing.pricing, name="pricing"),
    path("pricing.csv", pricing.pricing_csv, name="pricing_csv"),
]
