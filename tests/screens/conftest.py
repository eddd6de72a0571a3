"""The browser of `tests.e2e`, as a fixture of this package: it must end with it, see there."""

from tests.e2e.conftest import browser, visitor

__all__ = ["browser", "visitor"]
