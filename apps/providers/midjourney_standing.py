"""What a bridge's list of accounts says of the one that we use: plan, fast hours, slots, and why it is off.

The list may hold the accounts' own secrets. Nothing of it is kept or repeated but numbers and words of our own.
"""

import re
from collections.abc import Mapping
from typing import Any

from apps.providers import midjourney_words, untrusted
from apps.providers.base import AccountNeedsOwner, Need, ProviderError, Standing

_PLANS = ("basic", "standard", "pro", "mega")
_PLAN = re.compile(rf"\b({'|'.join(_PLANS)})\b", re.IGNORECASE)
_HOURS = re.compile(r"\s*(\d{1,5}(?:\.\d{1,4})?)")
_MOST_SLOTS = 1000
_WHY = {
    Need.CAPTCHA: "The bridge's account waits for somebody to solve a captcha.",
    Need.BANNED: "The bridge's account is banned.",
    Need.SUBSCRIPTION: "The bridge's account has no valid subscription.",
    Need.FAST_HOURS: "The bridge's account has no fast hours left.",
    Need.SETUP: "The bridge's account is turned off there.",
    Need.BALANCE: "The bridge's account has no balance.",
}


def of_accounts(accounts: list[dict[str, Any]], *, config: Mapping[str, Any]) -> Standing:
    """What the usable ones of them may do together. Raises AccountNeedsOwner where none is usable."""
    if wanted := config.get("instance_id"):
        accounts = [one for one in accounts if str(wanted) in (one.get("channelId"), one.get("id"))]
    if not accounts:
        raise AccountNeedsOwner("The bridge has no account that could work.", need=Need.SETUP)
    usable = [one for one in accounts if _is_usable(one)]
    if not usable:
        raise _why_off(accounts[0])
    return _standing(usable)


def _standing(accounts: list[dict[str, Any]]) -> Standing:
    plans = {known for one in accounts if (known := _plan(one))}
    hours = [left for one in accounts if (left := _fast_hours(one)) is not None]
    slots = [
        size for one in accounts if (size := untrusted.whole(one.get("coreSize"), most=_MOST_SLOTS))
    ]
    plan = next(iter(plans)) if len(plans) == 1 else None
    fast_hours = round(sum(hours), 2) if hours else None
    return Standing(
        _sentence(len(accounts), plan, fast_hours),
        plan=plan,
        fast_hours=fast_hours,
        has_relax=_has_relax(accounts),
        slots=sum(slots) or None,
    )


def _sentence(count: int, plan: str | None, fast_hours: float | None) -> str:
    which = f"Plan {plan}" if plan else "Plan unknown" if count == 1 else f"{count} accounts"
    left = f"{fast_hours:g} fast hours left" if fast_hours is not None else "fast hours unknown"
    return f"{which}, {left}."


def _is_usable(account: dict[str, Any]) -> bool:
    return account.get("enable") is not False and account.get("lock") is not True


def _why_off(account: dict[str, Any]) -> AccountNeedsOwner:
    told = untrusted.text(account.get("disabledReason"))
    found: ProviderError | None = midjourney_words.failure(told) if told else None
    if isinstance(found, AccountNeedsOwner):
        return AccountNeedsOwner(_WHY[found.need], need=found.need, until=found.until)
    # A bridge locks an account that was asked for a captcha.
    need = Need.CAPTCHA if account.get("lock") is True else Need.SETUP
    return AccountNeedsOwner(_WHY[need], need=need)


def _plan(account: dict[str, Any]) -> str:
    for name in ("subscribePlan", "subscription", "plan"):
        if found := _PLAN.search(untrusted.text(account.get(name), most=200)):
            return found.group(1).lower()
    return ""


def _fast_hours(account: dict[str, Any]) -> float | None:
    """ "12.3/15.0 hours (82%)", or a number."""
    told = account.get("fastTimeRemaining")
    found = _HOURS.match(str(told)) if isinstance(told, str | int | float) else None
    if account.get("fastExhausted") is True:
        return 0.0
    return float(found.group(1)) if found else None


def _has_relax(accounts: list[dict[str, Any]]) -> bool | None:
    """Every plan but the smallest includes slow work without limit."""
    told = [known != "basic" for one in accounts if (known := _plan(one))]
    return any(told) if told else None
