"""What an adapter to a provider is: translation both ways, and nothing else.

An adapter performs no I/O. `submit`, `poll`, `look_up`, `cancel` and `check` are generators that yield a `Request` and
are sent the `Response`; `apps.providers.flow` drives one in a job, or a thousand at once, and a test feeds recorded
answers. Where there is no answer the driver throws `NoAnswer` in, which an adapter normally lets pass.

An adapter knows no database, price, retry or tenant. It ends in one of the results below or raises one of the closed
list of errors, each of which is something different for the caller to do.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from apps.core.wire import Request, Response

__all__ = [
    "Accepted",
    "Access",
    "AccountNeedsOwner",
    "Adapter",
    "BadCredentials",
    "Callback",
    "Done",
    "Figures",
    "Flow",
    "Need",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnavailable",
    "Request",
    "Response",
    "Running",
    "Standing",
    "TellsFigures",
    "Work",
]


@dataclass(frozen=True)
class Access:
    """The account to use: where it is, its secret, and the adapter's own options (`Account.config`)."""

    base_url: str
    credential: str = field(repr=False)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One attempt to be made.

    `reference` is ours, unguessable, the same whenever this attempt is sent again. Media in `input` are our own URLs
    or data URIs, never the customer's addresses. `callback_url` is empty where the provider cannot reach us;
    `callback_secret` is what it may send back to prove itself. `deadline_seconds` is what is left of the task's time.

    `mode` is the speed it is to run at ("relax", "fast", "turbo"; empty where the model has none), whatever `input`
    says. Of a follow-up `parent` is what this provider knows of the task that it continues: its `id` there, and the
    facts that came with its result (`Done.facts`); on the same account, so that ids mean the same.
    """

    reference: str
    job: str
    model: str
    task_type: str
    input: dict[str, Any]
    callback_url: str = ""
    callback_secret: str = field(default="", repr=False)
    deadline_seconds: float = 600
    mode: str = ""
    parent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The provider took the work. `handle` is what `poll` and `cancel` need (small, JSON, no secrets)."""

    provider_id: str
    handle: Mapping[str, Any] = field(default_factory=dict)
    poll_after_seconds: float | None = None


@dataclass(frozen=True)
class Running:
    """Not finished. `progress` in percent where the provider says, `output` what it shows on the way.

    `previews` are URLs of pictures of the unfinished work, the newest last; the caller copies those it has not seen.
    """

    progress: int | None = None
    output: Mapping[str, Any] | None = None
    previews: tuple[str, ...] = ()
    poll_after_seconds: float | None = None


@dataclass(frozen=True)
class Done:
    """Finished well. Every http(s) URL in `output` is the provider's and is copied to our storage by the caller.

    `files` are results that came as bytes: name of the output field to (bytes). `cost_points` is what the provider
    charged us (10,000,000 = US$1), None when it does not say.

    `links` are output fields whose URL stays the provider's own. `facts` (small, JSON, no secrets) is what a follow-up
    needs to know of the result; the caller keeps them and gives them back as `Work.parent`.
    """

    output: dict[str, Any]
    provider_id: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    cost_points: int | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What a check found: a sentence for the account's owner, and facts that its provider told; None: it does not say.

    `plan` in the provider's word, lower case. `fast_hours` are what is left of the paid fast time. `has_relax`: whether
    the plan includes slow work without limit. `slots` is how many tasks it allows at once. `is_flagged`: the provider
    marks the account (Suno).
    """

    sentence: str
    plan: str | None = None
    fast_hours: float | None = None
    has_relax: bool | None = None
    slots: int | None = None
    is_flagged: bool | None = None


@dataclass(frozen=True)
class Figures:
    """An account's money as its provider tells it, in points (10,000,000 = US$1); None: it does not say.

    `used` is everything ever spent there, `held` what is promised to work under way.
    """

    balance: int | None = None
    held: int | None = None
    used: int | None = None


@dataclass(frozen=True)
class Callback:
    """What a provider's callback tells. It is a hint: the caller asks again with our key.

    `handle` is what a poll needs, as in Accepted; only a verified one is believed.
    """

    provider_id: str = ""
    handle: Mapping[str, Any] = field(default_factory=dict)
    is_verified: bool = False


class ProviderError(Exception):
    """The closed list's root. The message is the provider's own words, for the customer's `raw_message` and our log.

    `cost_points`: what the provider charged us although it failed, where it says so. `ends_work`: of a poll, the work
    itself has ended without a result, so another account may take it; otherwise it goes on whatever is wrong with our
    asking.
    """

    def __init__(self, message: str, *, cost_points: int = 0, ends_work: bool = False) -> None:
        super().__init__(message[:2000])
        self.cost_points = cost_points
        self.ends_work = ends_work


class ProviderUnavailable(ProviderError):
    """Later, or elsewhere: overloaded, rate limited, broken. `is_unknown`: a submit may have been accepted all the
    same, and must be looked up before it may be sent again.."""

    def __init__(
        self,
        message: str,
        *,
        is_unknown: bool = False,
        retry_after_seconds: float | None = None,
        ends_work: bool = False,
    ) -> None:
        super().__init__(message, ends_work=ends_work)
        self.is_unknown = is_unknown
        self.retry_after_seconds = retry_after_seconds


class ProviderRefused(ProviderError):
    """This work will not be done here or anywhere like it: the input is invalid or was moderated, or the job failed."""

    class Why(StrEnum):
        INVALID = "invalid"
        MODERATED = "moderated"
        FAILED = "failed"
        TIMEOUT = "timeout"
        CANCELLED = "cancelled"

    def __init__(self, message: str, *, why: Why = Why.FAILED, cost_points: int = 0) -> None:
        super().__init__(message, cost_points=cost_points, ends_work=True)
        self.why = why


class BadCredentials(ProviderError):
    """The account's key is missing, unknown, revoked or of another region: take another account, park this one."""


class Need(StrEnum):
    """Why an account needs its owner."""

    BALANCE = "no_balance"
    SUBSCRIPTION = "subscription_expired"
    CAPTCHA = "captcha_required"
    BANNED = "banned"
    SETUP = "setup_required"
    # The paid fast time is used up; slow work may go on.
    FAST_HOURS = "no_fast_hours"


class AccountNeedsOwner(ProviderError):
    """Only the account's owner can help: take another account, park this one and say why.

    `until` (Unix seconds): when the provider says that it ends by itself, as some bans do.
    """

    def __init__(
        self, message: str, *, need: Need, until: float | None = None, ends_work: bool = False
    ) -> None:
        super().__init__(message, ends_work=ends_work)
        self.need = need
        self.until = until


Flow = Generator[Request, Response, Any]


class Adapter(Protocol):
    """One provider. Stateless: one instance serves every account."""

    name: ClassVar[str]
    # Whether `look_up` can tell if a submit with our reference arrived.
    can_look_up: ClassVar[bool]
    # What somebody who connects an account reads: the provider, and in a sentence what an account there is for.
    title: ClassVar[str]
    summary: ClassVar[str]
    # The credential's own name there ("API key"), and where it is found.
    credential_label: ClassVar[str]
    credential_help: ClassVar[str]
    # Where its server is; empty: the account must say.
    base_url_default: ClassVar[str]
    base_url_help: ClassVar[str]

    def submit(self, work: Work, access: Access) -> Generator[Request, Response, Accepted | Done]:
        """Start the work. Never idempotent upstream unless the provider says so; see `ProviderUnavailable`."""
        ...

    def poll(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, Running | Done]:
        """Ask how it goes. Raises ProviderRefused when the work has failed."""
        ...

    def look_up(
        self, work: Work, access: Access
    ) -> Generator[Request, Response, Accepted | Done | None]:
        """Find a submit whose answer was lost, by our reference. None: it certainly never arrived.

        Raises ProviderUnavailable when the provider cannot tell.
        """
        ...

    def cancel(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, bool]:
        """Ask to stop the work; True when the provider says it will not run (or not go on)."""
        ...

    def check(self, access: Access) -> Generator[Request, Response, Standing]:
        """A cheap call that shows the account works, and what it may do. Raises the errors above."""
        ...

    def callback(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Callback:
        """Read a callback. Raises ValueError for what is none of this provider's."""
        ...


@runtime_checkable
class TellsFigures(Protocol):
    """An adapter whose provider says what an account has and has spent. Not every one does."""

    def figures(self, access: Access) -> Generator[Request, Response, Figures]:
        """Ask. Raises the errors above."""
        ...
