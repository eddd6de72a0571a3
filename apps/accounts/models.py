"""People, the workspaces they work in, and the keys their programs use."""

from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from apps.core.tenancy import TenantManager


class Plan(models.TextChoices):
    """What a workspace pays per month; `accounts.policies` says what each one includes."""

    HOBBYIST = "hobbyist", "Hobbyist"
    DEVELOPER = "developer", "Developer"
    PREMIUM = "premium", "Premium"


class Language(models.TextChoices):
    """What pages may be read in."""

    ENGLISH = "en", "English"
    CHINESE = "zh-hans", "简体中文"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by e-mail, in whatever letter case they type it."""

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=100, blank=True)
    language = models.CharField(
        max_length=8, choices=Language, default=Language.ENGLISH, db_default="en"
    )
    # Such as Europe/Berlin, in which pages show times. Empty: UTC.
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.email


class PlanVersion(models.Model):
    """What a plan costs and includes, as it is sold from one day on. Rows are added, never changed.

    Who subscribed keeps the version that was bought; everybody else is on the plan's newest. `concurrent_tasks` counts
    per family, `share` is the weight where workspaces queue, points are 10,000,000 to the US dollar.
    """

    plan = models.CharField(max_length=16, choices=Plan)
    version = models.PositiveIntegerField()
    price_points = models.BigIntegerField()
    monthly_credit_points = models.BigIntegerField(default=0)
    share = models.PositiveSmallIntegerField()
    concurrent_tasks = models.PositiveIntegerField()
    staged_tasks = models.PositiveIntegerField(default=50)
    retention_days = models.PositiveIntegerField()
    # How many invitees still bring their referrer something for signing up.
    referral_cap = models.PositiveIntegerField(default=200)
    # Words of `accounts.policies.Feature`.
    features = ArrayField(models.CharField(max_length=30), default=list, size=30, blank=True)
    note = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "version"], name="plan_version_once"),
            models.CheckConstraint(
                condition=Q(price_points__gte=0, monthly_credit_points__gte=0, share__gte=1),
                name="plan_version_amounts_fit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.version}"


class Workspace(models.Model):
    """The tenant: wallet, keys, tasks, files and members belong to one, and nothing is shared between two."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    plan = models.CharField(max_length=16, choices=Plan, default=Plan.HOBBYIST)
    # What was bought; empty: the newest version of the plan.
    plan_version = models.ForeignKey(
        PlanVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # A disabled workspace can be read, but nothing new starts in it.
    is_enabled = models.BooleanField(default=True)
    # Tasks at once per family, instead of what the plan says. Only the operator sets it.
    concurrency_override = models.PositiveIntegerField(null=True, blank=True)
    # Budget of all its keys and members together, on UTC days and months. `budget_refuses`: at the limit nothing new
    # starts; else people are only told.
    cap_daily_points = models.BigIntegerField(null=True, blank=True)
    cap_monthly_points = models.BigIntegerField(null=True, blank=True)
    budget_refuses = models.BooleanField(default=True, db_default=True)
    # Below this balance the owners get a mail. Empty: the installation's setting.
    low_balance_points = models.BigIntegerField(null=True, blank=True)
    notification_hook_url = models.CharField(max_length=2048, blank=True)
    # Families whose tasks run on the workspace's own accounts unless a request says otherwise, and those whose tasks go
    # to the public pool, at its price, when no own account can serve.
    private_families = ArrayField(
        models.CharField(max_length=50), default=list, size=100, blank=True, db_default=[]
    )
    failover_families = ArrayField(
        models.CharField(max_length=50), default=list, size=100, blank=True, db_default=[]
    )
    skips_flagged_suno = models.BooleanField(default=False, db_default=False)
    # Whether what is said in LLM calls is kept for its members to read, and for how many days.
    keeps_llm_content = models.BooleanField(default=False, db_default=False)
    llm_content_days = models.PositiveSmallIntegerField(default=7, db_default=7)
    # The owner wants it gone: its keys are refused and nothing starts in it. From `closes_at` on it cannot be had back,
    # and a job empties it; what books must keep stays. `closed_at`: it is empty.
    closes_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(cap_daily_points__isnull=True) | Q(cap_daily_points__gte=0))
                & (Q(cap_monthly_points__isnull=True) | Q(cap_monthly_points__gte=0))
                & (Q(low_balance_points__isnull=True) | Q(low_balance_points__gte=0)),
                name="workspace_caps_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_open(self) -> bool:
        """Whether anything new may start in it."""
        return self.is_enabled and self.closes_at is None


class Membership(models.Model):
    """A person's role in a workspace. What a role may do is in `accounts.policies`, nowhere else."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        ADMIN = "admin", "Admin"
        DEVELOPER = "developer", "Developer"
        BILLING = "billing", "Billing"
        VIEWER = "viewer", "Viewer"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    # What the person may spend, in the dashboard and by keys they made.
    cap_daily_points = models.BigIntegerField(null=True, blank=True)
    cap_monthly_points = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "workspace"], name="membership_once"),
            models.CheckConstraint(
                condition=(Q(cap_daily_points__isnull=True) | Q(cap_daily_points__gte=0))
                & (Q(cap_monthly_points__isnull=True) | Q(cap_monthly_points__gte=0)),
                name="membership_caps_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.workspace_id}"


class Scope(models.TextChoices):
    """What a key may be used for. A key without scopes can do nothing."""

    TASKS = "tasks", "Tasks"
    LLM = "llm", "LLM"
    ACCOUNT = "account", "Account"
    FILES = "files", "Files"


class ApiKey(models.Model):
    """A program's credential, shown once; we keep only its SHA-256.

    256 random bits need no slow hash, and a plain digest survives a change of SECRET_KEY. A key is never deleted, only
    revoked, so that what it did stays explained. After a rotation the secret before it works until `old_until`: the
    same key, with the same caps and log.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32, unique=True)
    prefix = models.CharField(max_length=16)
    last_four = models.CharField(max_length=4)
    old_digest = models.BinaryField(max_length=32, unique=True, null=True, blank=True)
    old_last_four = models.CharField(max_length=4, blank=True, default="", db_default="")
    old_until = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope), size=8)
    allowed_networks = ArrayField(
        models.CharField(max_length=49), default=list, size=50, blank=True
    )
    cap_total_points = models.BigIntegerField(null=True, blank=True)
    cap_daily_points = models.BigIntegerField(null=True, blank=True)
    cap_monthly_points = models.BigIntegerField(null=True, blank=True)
    rate_limit_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # Of language models: tokens a minute, and the only ones it may call; empty means all.
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    allowed_models = ArrayField(
        models.CharField(max_length=100), default=list, size=100, blank=True, db_default=[]
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"], name="api_key_newest")]
        constraints = [
            models.CheckConstraint(
                condition=(Q(cap_total_points__isnull=True) | Q(cap_total_points__gte=0))
                & (Q(cap_daily_points__isnull=True) | Q(cap_daily_points__gte=0))
                & (Q(cap_monthly_points__isnull=True) | Q(cap_monthly_points__gte=0)),
                name="api_key_caps_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="api_key_expires_after_creation",
            ),
            models.CheckConstraint(
                condition=Q(old_digest__isnull=True, old_until__isnull=True, old_last_four="")
                | (Q(old_digest__isnull=False, old_until__isnull=False) & ~Q(old_last_four="")),
                name="api_key_old_secret_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…{self.last_four}"

    @property
    def masked(self) -> str:
        """How the key is shown after its creation."""
        return f"{self.prefix}…{self.last_four}"

    @property
    def state(self) -> str:
        """active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active"

    @property
    def has_old_secret(self) -> bool:
        """Whether the secret from before the last rotation still works."""
        return (
            self.state == "active"
            and self.old_until is not None
            and self.old_until > timezone.now()
        )


class Invitation(models.Model):
    """A mail that makes whoever has that address a member, once.

    Open until it is accepted, revoked or expired. The mail holds a token; we keep only its SHA-256, and sending it
    again makes another one. A workspace has at most one open invitation for an address.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=Membership.Role)
    digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_open_once",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="invitation_ends_once",
            ),
            models.CheckConstraint(
                condition=~Q(role=Membership.Role.OWNER), name="invitation_makes_no_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} of {self.workspace_id}"

    @property
    def state(self) -> str:
        """open, expired, accepted or revoked."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "open"


class AuditEvent(models.Model):
    """Who did what to a workspace's access. Rows are added, never changed (a trigger refuses it)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="audit_events")
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=50)
    target = models.CharField(max_length=100)
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"], name="audit_event_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"


class DataExport(models.Model):
    """A person's data as a ZIP: asked for, built by a job, kept for some days, then gone with its row.

    `claimed_at` is when a job last took it up; one that died leaves it, and another one takes it an hour later.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
    asked_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Its name in the storage, which no address leads to; empty until it is ready.
    file = models.CharField(max_length=100, blank=True, default="")
    size_bytes = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(file=""), name="data_export_waits_once"
            )
        ]

    def __str__(self) -> str:
        return f"export #{self.pk} of {self.user_id}"
