"""What the rules say of accounts: whose turn it is, how long one rests, what it is able to do."""

from apps.byoa.policies.periods import Span, open_spans
from apps.byoa.policies.rest import (
    FAILURES_TO_COOL,
    OWNER_ONLY,
    Rest,
    recheck_after,
    recheck_at,
    rest,
    without,
)
from apps.byoa.policies.states import (
    PARKED,
    Prospect,
    State,
    has_fast,
    is_able,
    mode_on,
    prospect,
    returns_at,
    state_of,
    takes,
)
from apps.byoa.policies.turns import (
    LAG,
    STRIDES,
    Candidate,
    Choice,
    bucket_after,
    choose,
    is_within,
    requests_left,
)

__all__ = [
    "FAILURES_TO_COOL",
    "LAG",
    "OWNER_ONLY",
    "PARKED",
    "STRIDES",
    "Candidate",
    "Choice",
    "Prospect",
    "Rest",
    "Span",
    "State",
    "bucket_after",
    "choose",
    "has_fast",
    "is_able",
    "is_within",
    "mode_on",
    "open_spans",
    "prospect",
    "recheck_after",
    "recheck_at",
    "requests_left",
    "rest",
    "returns_at",
    "state_of",
    "takes",
    "without",
]
