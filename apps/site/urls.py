"""URLs."""

app_name = "site"
urlpatterns: list[object] = []
