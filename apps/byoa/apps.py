from django.apps import AppConfig


class ByoaConfig(AppConfig):
    name = "apps.byoa"
    default_auto_field = "django.db.models.BigAutoField"
