"""What the platform writes into the catalog by itself."""

from apps.catalog.midjourney.banned_words import default_words
from apps.catalog.models import BannedWord


def add_default_words() -> int:
    """Add the defaults that are missing and say how many; safe to repeat.

    A row that is there stays as it is, whether disabled or the operator's own.
    """
    defaults = default_words()
    there = set(
        BannedWord.objects.filter(word__in=[default.word for default in defaults]).values_list(
            "word", flat=True
        )
    )
    missing = [
        BannedWord(word=default.word, is_default=True, note=default.group)
        for default in defaults
        if default.word not in there
    ]
    # Another release may be at it, too.
    BannedWord.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)
