"""Sums in words."""


def dollars(cents: int) -> str:
    """-1250 is −$12.50."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'−' if cents < 0 else ''}${whole:,}.{rest:02d}"
