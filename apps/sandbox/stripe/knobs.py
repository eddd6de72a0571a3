"""What a developer or a test turns to see the platform in trouble."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from apps.sandbox.stripe.errors import Thing, invalid

FaultAnswer = Literal["429", "500", "hang", "drop"]


@dataclass(slots=True)
class Fault:
    """A way to go wrong for the next `times` calls whose "METHOD /v1/path" begins with `match`.

    `after` the work was done (a lost answer) or before it. `saved`: the 500 is what a repeated key gets, as with an
    error inside Stripe; otherwise a repetition gets the real answer, as with a broken line. `hang` takes `seconds`.
    """

    match: str
    answer: FaultAnswer = "500"
    times: int = 1
    after: bool = True
    saved: bool = False
    seconds: float = 30


@dataclass(slots=True)
class Knobs:
    # Webhooks: each event is sent `duplicate` more times; in random order among those due; `delay_seconds` later; the
    # next `drop` events never (a list of them still has them); the rest says what their signatures are like.
    duplicate: int = 0
    shuffle: bool = False
    delay_seconds: float = 0
    drop: int = 0
    wrong_secret: bool = False
    timestamp_offset: int = 0
    hold: bool = False
    retry_seconds: float = 1
    # Calls.
    faults: list[Fault] = field(default_factory=list)
    # How long a call takes, so that a second one with its key finds it in progress.
    work_seconds: float = 0
    # Customer -> why their next charge is declined; "" lets it succeed whatever the card is.
    next_charge: dict[str, str] = field(default_factory=dict)
    # Taxes, in hundredths of a percent of what is sold with `automatic_tax`.
    tax_basis_points: int = 0
    # How long until what happens by itself (a refund that fails, a dispute that the card brings); None: when told.
    async_seconds: float | None = 3
    # What becomes of a subscription after its last retry: past_due, unpaid or canceled.
    after_retries: Literal["past_due", "unpaid", "canceled"] = "past_due"

    def turn(self, values: Thing) -> None:
        """Some of them, as JSON has them. Raises StripeError for a name that is none."""
        unknown = values.keys() - {knob.name for knob in fields(self)}
        if unknown:
            raise invalid(f"No such knob: {min(unknown)}", param=min(unknown))
        try:
            turned = TypeAdapter(Knobs).validate_python({**asdict(self), **values})
        except ValidationError as error:
            raise invalid(f"Invalid knob: {error}") from None
        for name in values:
            setattr(self, name, getattr(turned, name))

    def fault(self, call: str, *, after: bool) -> Fault | None:
        """The one that strikes now; it is used up."""
        for fault in self.faults:
            if fault.times > 0 and fault.after == after and call.startswith(fault.match):
                fault.times -= 1
                return replace(fault)
        return None

    def shown(self) -> Thing:
        return asdict(self)
