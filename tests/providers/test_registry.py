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
