"""What a bridge's words about a failure mean: they are the only thing that tells a banned prompt from a banned account.

The sentences are Midjourney's own, in English, or the bridge's, in English or Chinese. Some repeat the prompt, so a
customer could write "you are banned" into one and have the account parked: what a message echoes is taken out before
it is looked at, words that stand in the prompt decide nothing, and a message that begins as a refusal of the prompt is
one whatever follows.
"""

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from apps.providers.base import (
    AccountNeedsOwner,
    Need,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)

Why = ProviderRefused.Why

_FARTHEST_SECONDS = 2 * 366 * 86_400
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_STAMP = re.compile(r"<t:(\d{9,11})(?::\w)?>")
_DATE = re.compile(
    r"\b(20\d\d-[01]\d-[0-3]\d)(?:[T ]([0-2]\d:[0-5]\d(?::[0-5]\d)?)(Z|[+-]\d\d:?\d\d)?)?"
)
_SPAN = re.compile(r"\b(?:for|in|within|another)\s+(\d{1,4})\s*(minute|hour|day|week)s?\b")


def _refused(why: Why) -> Callable[[str, bool], ProviderError]:
    return lambda message, _: ProviderRefused(message, why=why)


def _owner(need: Need) -> Callable[[str, bool], ProviderError]:
    return lambda message, ends: AccountNeedsOwner(message, need=need, ends_work=ends)


def _banned(message: str, ends: bool) -> ProviderError:
    until = until_of(message)
    return AccountNeedsOwner(message, need=Need.BANNED, until=until, ends_work=ends)


def _later(message: str, ends: bool) -> ProviderError:
    return ProviderUnavailable(message, ends_work=ends)


# The first that is found decides.
_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[str, bool], ProviderError]], ...] = tuple(
    (re.compile(pattern), made)
    for pattern, made in (
        (r"^\W{0,3}(banned (prompt|word)|prompt (is )?banned)", _refused(Why.MODERATED)),
        (
            r"^\W{0,3}(invalid[ _](param|link|prompt|image|form|request)|unrecognized param|empty prompt)",
            _refused(Why.INVALID),
        ),
        (
            r"(captcha|cloudflare|\bverif(y|ication)\b|\bcf[ _-]?(hash|challenge|check)?\b"
            r"|action (needed|required) to continue|human check|人机验证|真人验证|验证码|cf验证|cf 验证)",
            _owner(Need.CAPTCHA),
        ),
        (
            r"(\b(account|you|user)\b.{0,60}\b(banned|blocked|suspended|disabled|restricted)\b"
            r"|\b(banned|blocked|suspended)\b.{0,40}\b(account|midjourney|until)\b"
            r"|temporar(y|ily) (ban|block)|账号.{0,12}(封|禁用|停用)|被封)",
            _banned,
        ),
        (
            r"(subscri\w{1,6}.{0,40}(expire|require|pause|inactive|ended|cancel|need)"
            r"|(expired|no active|purchase|renew|require).{0,30}(subscription|plan\b|membership)"
            r"|\bpurchase\b|订阅.{0,6}(过期|到期|失效)|未订阅)",
            _owner(Need.SUBSCRIPTION),
        ),
        (
            r"((run|ran|runs) out of.{0,12}hours|out of fast|no (more )?fast"
            r"|fast (hours?|time|mode|gpu).{0,40}(exhaust|used up|run out|ran out|depleted|is over)"
            r"|exhausted.{0,20}fast|credits? exhausted|快速.{0,8}(用完|耗尽|不足))",
            _owner(Need.FAST_HOURS),
        ),
        (
            r"(insufficient.{0,12}(balance|quota|credit)|balance.{0,20}(too low|insufficient)|额度不足|余额不足)",
            _owner(Need.BALANCE),
        ),
        (
            r"(banned (prompt|word)|moderat|community (standard|guideline)|sensitive|image filter|inappropriate"
            r"|content (policy|filter)|against our|flagged|敏感词|违规|违禁)",
            _refused(Why.MODERATED),
        ),
        (
            r"(invalid (param|link|prompt|image|form|request|value)|unrecognized"
            r"|could not (fetch|download|read).{0,20}image|参数错误|格式错误|不能为空)",
            _refused(Why.INVALID),
        ),
        # About this mode on this account, not about the account.
        (r"(relax.{0,40}(not (included|available|allowed)|unavailable))", _later),
        (
            r"(queue.{0,20}full|rate.?limit|too many (request|job|concurrent)|\b429\b|try again (later|in)"
            r"|no (available|usable) (account|instance)|队列已满|频繁|无可用的?账号|账号实例|实例不存在)",
            _later,
        ),
        (r"(timed? ?out|超时)", _refused(Why.TIMEOUT)),
        (r"(cancell?ed|取消)", _refused(Why.CANCELLED)),
    )
)  # fmt: skip


def failure(
    message: str, *, echoed: Iterable[str] = (), ends_work: bool = False
) -> ProviderError | None:
    """The error that the message is, None where its words say nothing. `echoed` is what a customer may have put there.

    `message` holds no secrets. `ends_work` as in ProviderError.
    """
    theirs = [text.strip().lower() for text in echoed if text.strip()]
    looked_at = _without(message.lower(), theirs)
    for pattern, made in _MEANINGS:
        found = pattern.search(looked_at)
        if found and not any(found.group() in text for text in theirs):
            return made(message, ends_work)
    return None


def until_of(message: str) -> float | None:
    """When a ban is over (Unix seconds), where the message says so and it is in the next two years."""
    now = time.time()
    at = _stamp(message) or _date(message) or _span(message, now)
    return at if at is not None and now < at < now + _FARTHEST_SECONDS else None


def _stamp(message: str) -> float | None:
    found = _STAMP.search(message)
    return float(found.group(1)) if found else None


def _date(message: str) -> float | None:
    found = _DATE.search(message)
    if not found:
        return None
    day, clock, zone = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or ''}")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _span(message: str, now: float) -> float | None:
    found = _SPAN.search(message.lower())
    return now + int(found.group(1)) * _SECONDS[found.group(2)] if found else None


def _without(message: str, theirs: Iterable[str]) -> str:
    for text in theirs:
        message = message.replace(text, " ")
    return " ".join(message.split())
