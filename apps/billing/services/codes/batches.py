"""Making, exporting and voiding batches of codes. Operators only."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Plan, User
from apps.billing.models import CodeBatch, RedeemCode
from apps.billing.services.codes import words
from apps.core import sealing
from apps.core.errors import InvalidRequest

MOST_CODES = 10_000
MOST_POINTS = 10**11  # $10,000 a code
_AT_ONCE = 2_000


@dataclass(frozen=True)
class BatchTerms:
    """A campaign: what a code brings, until when it can be redeemed, how long its credits then last, and for whom."""

    name: str
    prefix: str
    points: int
    count: int
    expires_at: datetime | None = None
    credits_last_days: int | None = None
    is_once_per_user: bool = True
    plan: str = ""


@transaction.atomic
def create(*, terms: BatchTerms, actor: User) -> CodeBatch:
    """A batch with all its codes. In plain they exist only sealed, until `export`. Raises InvalidRequest."""
    check(terms)
    batch = CodeBatch.objects.create(created_by=actor, **asdict(terms))
    codes = [words.new_code(prefix=terms.prefix) for _ in range(terms.count)]
    RedeemCode.objects.bulk_create(
        (
            RedeemCode(
                batch=batch, digest=words.digest(code), shown_prefix=words.shown_prefix(code)
            )
            for code in codes
        ),
        batch_size=_AT_ONCE,
    )
    batch.sealed_codes = sealing.seal("\n".join(codes), bound_to=batch.sealed_to)
    batch.save(update_fields=["sealed_codes"])
    return batch


def check(terms: BatchTerms) -> None:
    """Raises InvalidRequest when the batch makes no sense; `detail["field"]` names the term."""
    if not 1 <= len(terms.name.strip()) <= 100:
        raise InvalidRequest.field("name", "Give the batch a name of 1 to 100 characters.")
    if not words.is_prefix(terms.prefix):
        raise InvalidRequest.field("prefix", "2 to 8 capital letters or digits.")
    if not 1 <= terms.count <= MOST_CODES:
        raise InvalidRequest.field("count", f"1 to {MOST_CODES} codes.")
    if not 1 <= terms.points <= MOST_POINTS:
        raise InvalidRequest.field("points", "More than nothing, and $10,000 at most.")
    if terms.plan and terms.plan not in Plan.values:
        raise InvalidRequest.field("plan", "There is no such plan.")
    _check_times(terms)


def _check_times(terms: BatchTerms) -> None:
    if terms.expires_at is not None and terms.expires_at <= timezone.now():
        raise InvalidRequest.field("expires_at", "The expiry must lie in the future.")
    if terms.credits_last_days is not None and not 1 <= terms.credits_last_days <= 3_650:
        raise InvalidRequest.field("credits_last_days", "1 to 3650 days, or empty for ever.")


@transaction.atomic
def export(*, batch_id: int) -> list[str]:
    """The plain codes, for the one and only time: the transaction that reads them erases them.

    Raises InvalidRequest when they were exported before.
    """
    batch = CodeBatch.objects.select_for_update().get(pk=batch_id)
    if not batch.sealed_codes:
        raise InvalidRequest("The codes were exported before. Nobody can read them again.")
    codes = sealing.unseal(batch.sealed_codes, bound_to=batch.sealed_to).split("\n")
    batch.exported_at, batch.sealed_codes = timezone.now(), ""
    batch.save(update_fields=["exported_at", "sealed_codes"])
    return codes


@transaction.atomic
def void(*, batch_id: int) -> int:
    """End every code of the batch that was not redeemed; how many. Credits that were redeemed stay. May be repeated."""
    batch = CodeBatch.objects.select_for_update().get(pk=batch_id)
    now = timezone.now()
    if batch.voided_at is None:
        batch.voided_at, batch.sealed_codes = now, ""
        batch.save(update_fields=["voided_at", "sealed_codes"])
    codes = RedeemCode.objects.across_workspaces().filter(batch=batch)
    return codes.filter(redeemed_at=None, voided_at=None).update(voided_at=now)


def void_code(*, code_id: int) -> bool:
    """End one code. Says whether that changed anything: one that was redeemed stays so."""
    codes = RedeemCode.objects.across_workspaces().filter(pk=code_id)
    return codes.filter(redeemed_at=None, voided_at=None).update(voided_at=timezone.now()) > 0
