"""Accounts at providers: the operator's pools, and (with a workspace) a customer's own."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from apps.accounts.models import User, Workspace
from apps.core.tenancy import TenantManager


class Status(models.TextChoices):
    """What an account is able to do. `cooling` heals by time, the rest after `active` by a check or by its owner."""

    ACTIVE = "active", gettext_noop("Active")
    COOLING = "cooling", gettext_noop("Cooling down")
    CHECKING = "checking", gettext_noop("Checking")
    NO_FAST_HOURS = "no_fast_hours", gettext_noop("No fast hours")
    INVALID_CREDENTIALS = "invalid_credentials", gettext_noop("Invalid credentials")
    NO_BALANCE = "no_balance", gettext_noop("No balance")
    SUBSCRIPTION_EXPIRED = "subscription_expired", gettext_noop("Subscription expired")
    CAPTCHA_REQUIRED = "captcha_required", gettext_noop("Captcha required")
    BANNED = "banned", gettext_noop("Banned")
    SETUP_REQUIRED = "setup_required", gettext_noop("Setup required")


class Weight(models.TextChoices):
    """Share of new tasks among eligible accounts: 1 : 2 : 4."""

    LOW = "low", gettext_noop("Low")
    MID = "mid", gettext_noop("Mid")
    HIGH = "high", gettext_noop("High")


class Mode(models.TextChoices):
    """How an account that knows slow and fast work is used. Fast follows what a task asks for."""

    ANY = "", gettext_noop("As asked")
    RELAX = "relax", gettext_noop("Relax")
    FAST = "fast", gettext_noop("Fast")


class Account(models.Model):
    """An account at a provider. Without a workspace it belongs to the operator's pool, else to that workspace's seat.

    `credential` is sealed (apps.core.sealing, bound to the row) and never shown. `families` limits what it serves;
    empty means all its provider serves; a customer's account serves the one family of its seat. `turn` is its virtual
    time in the weighted choice, `bucket_at` the moment at which its request bucket is full again, `day`/`day_count` its
    use today (UTC) against `daily_cap`.

    A backup takes nothing until it is activated (`backup_activated_at`), and then is an account like any other.
    `is_out_of_fast`, `fast_hours`, `has_relax` and `plan` are what its provider last told of its time. When its seat
    ends the account is parked (`seat_ended_at`), and after a while its credential is destroyed (`shredded_at`).

    Status changes go through `services.health`, `services.accounts` and `services.checks`, which write the history.
    What people are shown is `policies.state_of`: the status together with pause, period, backup and seat.
    """

    workspace = models.ForeignKey(
        Workspace, null=True, blank=True, on_delete=models.PROTECT, related_name="accounts"
    )
    provider = models.CharField(max_length=50)
    label = models.CharField(max_length=100)
    base_url = models.CharField(max_length=2048, blank=True, default="")
    credential = models.TextField(blank=True, default="")
    # Of customers' accounts: the same for the same credential at the same server, and tells nothing without our key.
    # So an account has one seat, wherever it is.
    credential_digest = models.CharField(max_length=64, null=True, blank=True, unique=True)
    config = models.JSONField(default=dict, blank=True)
    families = ArrayField(models.CharField(max_length=50), default=list, blank=True, size=100)
    weight = models.CharField(max_length=4, choices=Weight, default=Weight.MID)
    slots = models.PositiveIntegerField(default=10)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    daily_cap = models.PositiveIntegerField(null=True, blank=True)
    active_from = models.TimeField(null=True, blank=True)
    active_to = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    is_paused = models.BooleanField(default=False)

    status = models.CharField(max_length=24, choices=Status, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=500, blank=True, default="")
    status_since = models.DateTimeField(db_default=Now())
    # When a cooling account may be tried again, or a parked one is checked again.
    resume_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)

    turn = models.BigIntegerField(default=0)
    bucket_at = models.DateTimeField(null=True, blank=True)
    day = models.DateField(null=True, blank=True)
    day_count = models.PositiveIntegerField(default=0)

    tags = ArrayField(
        models.CharField(max_length=30), default=list, blank=True, size=20, db_default=[]
    )
    mode = models.CharField(max_length=5, choices=Mode, blank=True, default=Mode.ANY, db_default="")
    is_backup = models.BooleanField(default=False, db_default=False)
    backup_activated_at = models.DateTimeField(null=True, blank=True)
    plan = models.CharField(max_length=30, blank=True, default="", db_default="")
    has_relax = models.BooleanField(default=True, db_default=True)
    fast_hours = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    is_out_of_fast = models.BooleanField(default=False, db_default=False)
    is_flagged = models.BooleanField(default=False, db_default=False)
    block_until = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    # The owner has said that the account is theirs to use in this way.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    seat_ended_at = models.DateTimeField(null=True, blank=True)
    shredded_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["workspace"],
                condition=Q(workspace__isnull=False),
                name="account_of_customer",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(slots__gte=1), name="account_has_a_slot"),
            models.CheckConstraint(
                condition=Q(workspace__isnull=True) | Q(families__len=1),
                name="account_of_customer_has_one_family",
            ),
            models.CheckConstraint(
                condition=Q(active_from__isnull=True, active_to__isnull=True)
                | Q(active_from__isnull=False, active_to__isnull=False),
                name="account_period_has_both_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.provider})"

    @property
    def sealed_to(self) -> str:
        """What the credential is bound to."""
        return f"account:{self.pk}"

    @property
    def family(self) -> str:
        """The family whose seat it sits on; empty for the operator's."""
        return str(self.families[0]) if self.workspace_id is not None else ""


class SlotLease(models.Model):
    """One slot of an account in use, by the attempt that `holder` names. It counts until `expires_at` and no longer."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="leases")
    holder = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"slot of account #{self.account_id}"


class AccountEvent(models.Model):
    """A change of an account's status, and why. Rows are only added."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="events")
    status = models.CharField(max_length=24)
    reason = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["account", "-id"], name="account_event_newest")]

    def __str__(self) -> str:
        return f"{self.status} of account #{self.account_id}"


class SupplierSnapshot(models.Model):
    """What a provider said of an account's money at a moment, in points; empty: it does not tell.

    `used_points` only grows at the provider, `balance_points` falls by what is spent and rises by what the operator
    pays in, and `held_points` is promised to work that has not ended. With an `error` the provider could not be asked.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="snapshots")
    balance_points = models.BigIntegerField(null=True)
    held_points = models.BigIntegerField(null=True)
    used_points = models.BigIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    taken_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["account", "-id"], name="supplier_snapshot_newest")]

    def __str__(self) -> str:
        return f"account #{self.account_id} at {self.taken_at}"
