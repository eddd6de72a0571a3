"""What each attempt to answer a call used and cost."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from apps.accounts.models import ApiKey, User, Workspace
from apps.byoa.models import Account
from apps.core.tenancy import TenantManager
from apps.llm.models.blocks import CreditBlock, PriceVersion


class End(models.TextChoices):
    """How an attempt ended; docs/llm/billing.md says what each costs."""

    COMPLETED = "completed", gettext_noop("Completed")
    EMPTY = "empty", gettext_noop("Empty answer")
    CLIENT_LEFT = "client_left", gettext_noop("Client left")
    OUT_OF_CREDITS = "out_of_credits", gettext_noop("Out of credits")
    UPSTREAM_CUT = "upstream_cut", gettext_noop("Cut by the provider")
    TIMED_OUT = "timed_out", gettext_noop("Timed out")
    REFUSED = "refused", gettext_noop("Refused by the provider")
    FAILED = "failed", gettext_noop("Failed before an answer")
    GATEWAY_LOST = "gateway_lost", gettext_noop("Gateway lost")


class UsageSource(models.TextChoices):
    """Where the numbers of tokens come from: the provider, our own count, or nowhere as nothing was used."""

    REPORTED = "reported", "Reported"
    COUNTED = "counted", "Counted"
    NONE = "none", "None"


class Usage(models.Model):
    """One attempt, written once when it has ended and before the customer gets the last byte. Never changed, unless
    its gateway died in between: a whole answer that did not leave is taken back (`services.recovery`).

    A call (`call`) has a row for each account that was tried; at most one of them costs. `points` is what it is
    charged to its block, `written_off` what it came to beyond what could be charged: the block was settled, or the
    provider used more than was held. On own accounts there is no block and `points` is 0.
    """

    attempt = models.UUIDField(unique=True)
    call = models.UUIDField()
    number = models.PositiveSmallIntegerField(default=1)
    # No constraints: each would lock a row that many calls share. Whose it is comes from the key that was looked up,
    # the statement that inserts charges only to a block that is there, and the audit looks at both.
    workspace = models.ForeignKey(
        Workspace,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    api_key = models.ForeignKey(
        ApiKey,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    user = models.ForeignKey(
        User,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    block = models.ForeignKey(
        CreditBlock,
        null=True,
        on_delete=models.PROTECT,
        related_name="usage",
        db_index=False,
        db_constraint=False,
    )
    account = models.ForeignKey(
        Account,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    price = models.ForeignKey(
        PriceVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    model = models.CharField(max_length=100)
    operation = models.CharField(max_length=16)
    provider = models.CharField(max_length=50)
    service_mode = models.CharField(max_length=8, default="public")
    is_stream = models.BooleanField(default=False)
    end = models.CharField(max_length=16, choices=End)
    usage_source = models.CharField(max_length=8, choices=UsageSource)
    input_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    # Images, characters, milliseconds of audio, audio tokens: what is rarely anything.
    units = models.JSONField(default=dict, db_default={})
    points = models.BigIntegerField(default=0)
    written_off = models.BigIntegerField(default=0)
    first_ms = models.IntegerField(null=True)
    total_ms = models.IntegerField(default=0)
    request_id = models.CharField(max_length=64)
    error = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="llm_usage_newest"),
            models.Index(fields=["block"], name="llm_usage_of_block"),
            models.Index(fields=["call"], name="llm_usage_of_call"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gte=0, written_off__gte=0), name="llm_usage_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(block__isnull=False) | Q(points=0), name="llm_usage_charged_to_a_block"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.end}: {self.points}"


class UsageHour(models.Model):
    """Calls of a workspace in an hour (UTC), by model and key; pages read these rows and never count calls.

    Summed from `Usage` by `services.roll_up` in the order of its ids, so that nothing is counted twice or missed.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    hour = models.DateTimeField()
    model = models.CharField(max_length=100)
    api_key = models.ForeignKey(
        ApiKey,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    calls = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    points = models.BigIntegerField(default=0)
    total_ms = models.BigIntegerField(default=0)
    first_ms = models.BigIntegerField(default=0)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "hour", "model", "api_key"],
                name="llm_usage_hour_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.hour:%Y-%m-%d %H} {self.model}"


class LaneDay(models.Model):
    """What became of the calls that began on a UTC day, of all workspaces together, on the operator's accounts.

    `by_customer` are those that ended by the customer's credits or prompt: neither well nor our fault. `latency` counts
    those that went well by the time to the first piece of the answer (`core.latency`). Summed with `UsageHour`, in the
    same transaction and by the same mark. A call under way at midnight is of the day on which it began.
    """

    day = models.DateField(primary_key=True)
    calls = models.IntegerField()
    completed = models.IntegerField()
    by_customer = models.IntegerField()
    latency = ArrayField(models.IntegerField())

    def __str__(self) -> str:
        return f"{self.day}: {self.completed} of {self.calls} well"

    @property
    def failed(self) -> int:
        return max(self.calls - self.completed - self.by_customer, 0)


class UsageMark(models.Model):
    """How far `Usage` is summed into `UsageHour`: one row, see `services.roll_up`.

    Rows up to `counted_to` are in. Those up to `next_to` follow as soon as none of `writers` is under way any more, the
    transactions that were writing when it was noted: a row with a smaller number may be on its way until then.
    """

    counted_to = models.BigIntegerField(default=0)
    next_to = models.BigIntegerField(null=True)
    writers = ArrayField(models.CharField(max_length=40), default=list)

    def __str__(self) -> str:
        return f"up to usage row {self.counted_to}"


class CallContent(models.Model):
    """What was asked and answered, kept only where the workspace switched that on, and only until `expires_at`."""

    call = models.UUIDField(primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    request = models.TextField()
    answer = models.TextField()
    is_cut = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    def __str__(self) -> str:
        return f"content of {self.call}"
