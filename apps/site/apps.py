from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "apps.site"
    label = "site"

    def ready(self) -> None:
        from apps.site import checks  # noqa: F401, PLC0415 - needs the settings, registers itself
