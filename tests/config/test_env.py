import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("THING", raising=False)
    return monkeypatch


def test_text_names_the_missing_variable(variable: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^Set the environment variable THING\.$"):
        env.text("THING")


def test_text_takes_an_empty_variable_for_a_missing_one(variable: pytest.MonkeyPatch) -> None:
    variable.setenv("THING", "")
    assert env.text("THING", default="x") == "x"


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("False", False), ("", True)])
def test_flag_reads_both_words(variable: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    variable.setenv("THING", value)
    assert env.flag("THING", default=True) is expected


@pytest.mark.parametrize("value", ["1", "yes", "treu"])
def test_flag_refuses_other_words(variable: pytest.MonkeyPatch, value: str) -> None:
    variable.setenv("THING", value)
    with pytest.raises(ImproperlyConfigured, match="THING must be true or false"):
        env.flag("THING")


def test_number_refuses_words(variable: pytest.MonkeyPatch) -> None:
    variable.setenv("THING", "ten")
    with pytest.raises(ImproperlyConfigured, match="THING must be a whole number, not 'ten'"):
        env.number("THING", default=1)


def test_names_drops_blanks(variable: pytest.MonkeyPatch) -> None:
    variable.setenv("THING", " a, b ,,c ")
    assert env.names("THING") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("url", "host", "port", "options"),
    [
        ("postgresql://me:p%40ss@db.example:6432/app", "db.example", "6432", {}),
        ("postgres://me:p%40ss@[::1]/app?sslmode=require", "::1", "", {"sslmode": "require"}),
        ("postgresql://me:p%40ss@/app?host=%2Frun%2Fmy%20pg", "/run/my pg", "", {}),
        ("postgresql://me:p%40ss@/app?host=/run&port=5433", "/run", "5433", {}),
    ],
)
def test_database_url_becomes_a_django_database(
    variable: pytest.MonkeyPatch, url: str, host: str, port: str, options: dict[str, str]
) -> None:
    variable.setenv("THING", url)
    assert env.database_url("THING") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "app",
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
    }


@pytest.mark.parametrize(
    "url", ["mysql://me@db/app", "postgresql://me@db", "db.example", "postgresql://me@db:x/app"]
)
def test_database_url_refuses_what_it_cannot_use(variable: pytest.MonkeyPatch, url: str) -> None:
    variable.setenv("THING", url)
    with pytest.raises(ImproperlyConfigured, match="THING"):
        env.database_url("THING")


@pytest.mark.parametrize(
    ("redis", "broker"),
    [
        ("redis://:p@h:6379/1", "redis://:p@h:6379/1"),
        ("rediss://h/0", "rediss://h/0"),
        ("unix://:a%2Fb@/run/v.sock?db=2", "redis+socket://:a%2Fb@/run/v.sock?virtual_host=2"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
        ("unix:///run/v.sock?password=x", "redis+socket://:x@/run/v.sock?virtual_host=0"),
    ],
)
def test_broker_url_speaks_celerys_dialect(redis: str, broker: str) -> None:
    assert env.broker_url(redis) == broker


def test_networks_names_the_malformed_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THING", "10.0.5.0/24, ::1")
    assert env.networks("THING") == ["10.0.5.0/24", "::1"]

    monkeypatch.setenv("THING", "10.0.5.0/24, ten")
    with pytest.raises(ImproperlyConfigured, match="THING must hold addresses"):
        env.networks("THING")
