"""How often and how much a key may ask of language models in a minute: one count for all gateway processes."""

from dataclasses import dataclass

from django.conf import settings

from apps.accounts.selectors import Identity
from apps.core import throttling
from apps.core.errors import RateLimited
from apps.core.sentences import sentence
from apps.core.shared_counts import SharedCounts
from apps.core.throttling import Allowance, Window
from apps.llm.services.permits import Permits


@dataclass(slots=True)
class Tokens:
    """What a call was counted for beforehand, to be corrected by what it used."""

    window: Window
    counted: int


class Limits:
    """Counts of one gateway process's calls. For one event loop."""

    def __init__(self) -> None:
        self._counts = SharedCounts()
        self._permits = Permits(self._counts)

    async def count_request(self, identity: Identity) -> Allowance:
        """Count a request of a key, or of a person in the dashboard. The caller requires it, whatever else is wrong."""
        window = _requests(identity)
        permit = self._permits.at_once(window, 1) or await self._permits.take(window, 1)
        return window.allowance(permit.used)

    async def count_tokens(
        self, identity: Identity, *, tokens: int, told: dict[str, str]
    ) -> Tokens | None:
        """Count what a call may use against the key's tokens a minute. Raises RateLimited; None without a limit."""
        limit = identity.tokens_per_minute
        if limit is None or identity.key_id is None:
            return None
        window = throttling.window(caller=f"tokens:{identity.key_id}", limit=limit)
        permit = self._permits.at_once(window, tokens) or await self._permits.take(window, tokens)
        if permit.used is None:
            # Nobody counts tokens now; requests are held back instead.
            return None
        told["x-ratelimit-limit-tokens"] = str(limit)
        told["x-ratelimit-remaining-tokens"] = str(max(0, limit - permit.used))
        told["x-ratelimit-reset-tokens"] = f"{window.reset_seconds}s"
        if not permit.granted:
            raise RateLimited(
                sentence(
                    "This call may use {tokens} tokens, more than what is left of the key's {limit} in this minute."
                    " Try again in {seconds} s.",
                    tokens=tokens,
                    limit=limit,
                    seconds=window.reset_seconds,
                ),
                detail={"limit_tokens": limit, "needed_tokens": tokens, "window_seconds": 60},
                retry_after=window.reset_seconds,
            )
        return Tokens(window, tokens)

    def correct_tokens(self, tokens: Tokens | None, *, used: int) -> None:
        """The call is over and has used so much."""
        if tokens is not None and used != tokens.counted:
            self._permits.correct(tokens.window, used - tokens.counted)

    async def has_room(self, *, account_id: int, per_minute: int) -> bool:
        """Count a request to a provider's account; False when its minute is used up. True while nobody can count."""
        window = throttling.window(caller=f"account:{account_id}", limit=per_minute)
        permit = self._permits.at_once(window, 1) or await self._permits.take(window, 1)
        return permit.granted

    async def close(self) -> None:
        await self._counts.close()


def _requests(identity: Identity) -> Window:
    if identity.key_id is not None:
        return throttling.key_window(key_id=identity.key_id, limit=identity.rate_limit_per_minute)
    return throttling.window(caller=f"user:{identity.user_id}", limit=settings.API_RATE_PER_MINUTE)
