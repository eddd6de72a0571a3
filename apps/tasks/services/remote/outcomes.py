"""What can come of one step at a provider; each is written differently (see `writing`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.files.models import StoredFile
from apps.providers.base import (
    Accepted,
    Done,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Running,
)
from apps.tasks.models import FailureCode
from apps.tasks.services.remote.due import Due
from apps.tasks.services.results import Copy


@dataclass(frozen=True)
class Took:
    """The provider has it."""

    due: Due
    accepted: Accepted


@dataclass(frozen=True)
class Moved:
    """It runs, and says how far it is."""

    due: Due
    running: Running


@dataclass(frozen=True)
class Glimpse:
    """It runs, and there is a new picture of the unfinished work, named `digest`; `url` once it is ours."""

    due: Due
    running: Running
    digest: str
    copy: Copy
    url: str = ""
    files: Sequence[StoredFile] = ()


@dataclass(frozen=True)
class Ready:
    """Done, and every file of the result is fetched: by the provider's address, or by name for what came inline."""

    due: Due
    done: Done
    copies: dict[str, Copy]


@dataclass(frozen=True)
class Stored:
    """Done, and the files are ours. `output` is what the customer gets."""

    due: Due
    done: Done
    output: dict[str, Any]
    files: Sequence[StoredFile]


@dataclass(frozen=True)
class Ended:
    """It ends without a result: our sentence, the provider's words, and what it charged us. `files` are in its way.

    `is_inputs_fault`: the provider was not even asked, because the input cannot be used.
    """

    due: Due
    code: FailureCode
    message: str
    raw: str = ""
    cost_points: int = 0
    error: ProviderRefused | None = None
    files: Sequence[StoredFile] = ()
    is_inputs_fault: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """This account did certainly not take it: another one may."""

    due: Due
    error: ProviderError


@dataclass(frozen=True)
class Unsure:
    """It may have arrived; only the provider knows."""

    due: Due
    error: ProviderUnavailable


@dataclass(frozen=True)
class NeverArrived:
    """The provider says it does not have it: it can be sent again under the same reference."""

    due: Due


@dataclass(frozen=True)
class Later:
    """Nothing learned; ask again. `error` is the account's fault, None when it is not."""

    due: Due
    seconds: float
    error: ProviderError | None = None


@dataclass(frozen=True)
class AfterAll:
    """News of work that was abandoned: what it cost us, and when (if) to ask again. `is_done`: it came too late."""

    due: Due
    cost_points: int = 0
    is_done: bool = False
    again_seconds: float | None = None
    handle: dict[str, Any] | None = None


Outcome = (
    Took
    | Moved
    | Glimpse
    | Ready
    | Stored
    | Ended
    | Elsewhere
    | Unsure
    | NeverArrived
    | Later
    | AfterAll
)
