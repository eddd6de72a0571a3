import pytest

from apps.providers import registry
from apps.providers.federation import Federation


def test_adapter_is_found_by_its_name():
    assert isinstance(registry.adapter("federation"), Federation)
    assert registry.adapter("federation") is registry.adapter("federation")


def test_names_are_those_of_the_adapters():
    assert [registry.adapter(name).name for name in registry.names()] == list(registry.names())


def test_unknown_name_says_so():
    with pytest.raises(registry.UnknownProvider) as caught:
        registry.adapter("nimbus")

    assert str(caught.value) == "There is no provider 'nimbus'."


def test_every_provider_says_what_connecting_it_needs():
    adapters = [registry.adapter(name) for name in registry.names()]

    for adapter in adapters:
        said = [adapter.title, adapter.summary, adapter.credential_label, adapter.credential_help]
        assert all(said), adapter.name
        assert adapter.summary.endswith(".")
        assert adapter.base_url_help
        assert adapter.base_url_default.startswith("https://") or not adapter.base_url_default
    assert len({adapter.title for adapter in adapters}) == len(adapters)


def test_no_provider_asks_for_what_opens_a_persons_account():
    """Tokens, cookies and passwords of end-user sites are named only to say that they are not wanted."""
    for name in registry.names():
        adapter = registry.adapter(name)
        for word in ("token", "cookie", "password"):
            assert word not in adapter.credential_label.lower()
            if word in adapter.credential_help.lower():
                assert "Never" in adapter.credential_help
