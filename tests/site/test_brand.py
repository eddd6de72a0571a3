"""The operator's looks: checked at the start, so that nothing can be injected and everything can be read."""

import importlib
import re
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from apps.accounts.models import Workspace
from apps.core import brand, colours
from apps.notifications.models import Email
from apps.notifications.services import mail as mails
from apps.site.checks import check_logo
from config import settings_brand
from tests.factories import owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the settings with these variables in the environment, and puts them right afterwards."""

    def read(**variables: str) -> Any:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return importlib.reload(settings_brand)

    yield read
    monkeypatch.undo()
    importlib.reload(settings_brand)


def test_defaults_are_ours(read: Any) -> None:
    found = read()

    assert (found.SITE_NAME, found.SITE_LOGO, found.SITE_COLOUR, found.SITE_LINKS) == (
        "Modelyard",
        "",
        "",
        [],
    )
    assert found.DEFAULT_FROM_EMAIL == "Modelyard <noreply@localhost>"


def test_settings_are_taken(read: Any) -> None:
    found = read(
        SITE_NAME="Acme",
        SITE_TAGLINE="Models.",
        SITE_LOGO="brand/logo.svg",
        SITE_COLOUR="#0A5F38",
        SITE_LINKS="Imprint=https://acme.example/imprint, Help=/docs/, Mail=mailto:a@acme.example",
        EMAIL_FROM="noreply@acme.example",
        MAIL_FROM_NAME='Acme, "the" models',
        TERMS_FILE="/etc/acme/terms.md",
    )

    assert (found.SITE_LOGO, found.SITE_COLOUR) == ("brand/logo.svg", "#0a5f38")
    assert found.SITE_LINKS == [
        ("Imprint", "https://acme.example/imprint"),
        ("Help", "/docs/"),
        ("Mail", "mailto:a@acme.example"),
    ]
    assert found.DEFAULT_FROM_EMAIL == '"Acme, \\"the\\" models" <noreply@acme.example>'
    assert str(found.TERMS_FILE) == "/etc/acme/terms.md"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_COLOUR", "red"),
        ("SITE_COLOUR", "#12345"),
        ("SITE_COLOUR", "#15588f;} body{display:none"),
        ("SITE_COLOUR", "#ffcc00"),
        ("SITE_LOGO", "https://elsewhere.example/logo.svg"),
        ("SITE_LOGO", "//elsewhere.example/logo.svg"),
        ("SITE_LOGO", "../secret.svg"),
        ("SITE_LOGO", "brand/../../x.svg"),
        ("SITE_LOGO", "logo.html"),
        ("SITE_LOGO", 'a".svg'),
        ("SITE_LINKS", "Imprint"),
        ("SITE_LINKS", "Imprint="),
        ("SITE_LINKS", "=https://a.example"),
        ("SITE_LINKS", "X=javascript:alert(1)"),
        ("SITE_LINKS", "X=//elsewhere.example"),
        ("SITE_LINKS", "X=data:text/html,x"),
        ("SITE_LINKS", 'X=https://a.example/"x'),
        ("SITE_NAME", "Two\nlines"),
        ("SITE_TAGLINE", "Two\nlines"),
        ("MAIL_FROM_NAME", "X\r\nBcc: all@a.example"),
        ("TERMS_FILE", "/etc/passwd"),
        ("PRIVACY_FILE", "privacy.html"),
    ],
)
def test_bad_value_stops_the_start_by_name(read: Any, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} "):
        read(**{name: value})


def test_light_colour_is_refused_with_its_contrast(read: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"white text on #ffcc00 has a contrast of 1\.5"):
        read(SITE_COLOUR="#ffcc00")


@pytest.mark.parametrize(
    "colour", ["#15588f", "#000000", "#b3261e", "#0a5f38", "#6d28d9", "#00007f"]
)
def test_all_shades_can_be_read(colour: str) -> None:
    for shades, ground in zip(colours.accent(colour), ("#f9fafb", "#1f2937"), strict=True):
        assert colours.contrast("#ffffff", shades.fill) >= 4.5
        for text in (shades.text, shades.hover):
            assert colours.contrast(text, ground) >= 4.5
            assert colours.contrast(text, shades.ground) >= 4.5


def test_contrast_is_that_of_the_standard() -> None:
    assert colours.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colours.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_stylesheet_holds_properties_only_and_may_be_kept(client: Client, settings: Any) -> None:
    settings.SITE_COLOUR = "#0a5f38"
    page = client.get("/").content.decode()
    url = re.search(r'href="(/brand\.css\?v=\w+)"', page)
    assert url is not None

    answer = client.get(url[1])

    css = answer.content.decode()
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "--tblr-primary: #0a5f38; --tblr-primary-rgb: 10, 95, 56;" in css
    assert not re.search(r"url\(|@import|expression|<", css)
    assert "Set-Cookie" not in answer.headers


def test_other_version_is_not_kept_for_good(client: Client, settings: Any) -> None:
    settings.SITE_COLOUR = "#0a5f38"

    for address in ("/brand.css", "/brand.css?v=old", "/brand.css?v=%00"):
        assert client.get(address).headers["Cache-Control"] == "public, max-age=60"
    first = brand.version()
    settings.SITE_COLOUR = "#6d28d9"
    assert brand.version() != first


def test_without_colour_no_stylesheet_is_asked_for(client: Client) -> None:
    assert "brand.css" not in client.get("/").content.decode()
    assert client.get("/brand.css").content == b""


def test_public_pages_and_dashboard_wear_the_brand(
    client: Client, workspace: Workspace, settings: Any
) -> None:
    settings.SITE_NAME, settings.SITE_LOGO, settings.SITE_COLOUR = "Acme", "favicon.svg", "#0a5f38"
    client.force_login(owner_of(workspace))

    for path in ("/", f"/w/{workspace.slug}/"):
        html = client.get(path).content.decode()
        assert re.search(
            r'<img src="/static/favicon\.svg"\s+alt=""\s+width="28"\s+height="28">Acme</a>', html
        )
        assert "/brand.css?v=" in html
        assert "default-src 'none'" in client.get(path).headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("logo", "picture"),
    [
        ("", "http://testserver/static/social.png"),
        ("brand/logo.svg", ""),
        ("brand/logo.png", "http://testserver/static/brand/logo.png"),
        ("/media/logo.png", "http://testserver/media/logo.png"),
    ],
)
def test_picture_beside_links_is_the_operators_where_it_can_be(
    settings: Any, logo: str, picture: str
) -> None:
    settings.SITE_LOGO = logo

    assert brand.shared_picture_url() == picture


@pytest.mark.parametrize(
    ("logo", "ids"),
    [
        ("", []),
        ("favicon.svg", []),
        ("/static/favicon.svg", []),
        ("/media/logo.svg", []),
        ("brand/gone.svg", ["site.E002"]),
        ("/static/gone.svg", ["site.E002"]),
    ],
)
def test_logo_that_is_not_there_stops_a_deployment(
    settings: Any, logo: str, ids: list[str]
) -> None:
    settings.SITE_LOGO = logo

    assert [error.id for error in check_logo(None)] == ids


def test_mails_carry_name_and_links(workspace: Workspace, settings: Any) -> None:
    settings.SITE_NAME = "Acme"
    settings.SITE_LINKS = [("Imprint", "/terms"), ("Blog", "https://blog.example/?a&b")]

    mails.add(
        key="brand",
        to=["a@example.com"],
        template="account_event",
        context={"workspace": workspace, "title": "Budget", "message": "Used up.", "url": ""},
    )

    html = Email.objects.across_workspaces().get(key="brand").html
    assert '<a href="http://testserver/">Acme</a>' in html
    assert '<a href="http://testserver/terms">Imprint</a>' in html
    assert '<a href="https://blog.example/?a&amp;b">Blog</a>' in html
    assert mail.outbox == []
