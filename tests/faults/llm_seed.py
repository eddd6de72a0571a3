"""Inside the platform (`manage.py shell`): accounts at the scripted provider."""

from tests.factories.byoa import account


def seed(*, url: str, count: int) -> None:
    """Many: one that breaks an answer off rests for a second, and the calls meanwhile go to the others."""
    for number in range(count):
        account(provider="openai", label=f"Scripted {number}", base_url=url, slots=100)
