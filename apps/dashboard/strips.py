"""The one strip above a page: what is wrong with the money or the own accounts, else what the operator announces."""

from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from apps.accounts.models import Membership
from apps.accounts.policies import PERMISSIONS, Permission
from apps.billing.selectors.state import MoneyState
from apps.byoa import selectors as byoa
from apps.byoa.services import checklist
from apps.core.money import POINTS_PER_USD, format_usd
from apps.dashboard.account_words import told
from apps.dashboard.billing_words import kept
from apps.notifications.announcements import for_strip
from apps.notifications.models import Announcement

# What is less than a cent is shown as nothing, and nothing can be bought with it.
_NOTHING = POINTS_PER_USD // 100


@dataclass(frozen=True)
class Strip:
    """`tone` as in app.css; `button` leads to `url`, and is empty for who may not do what it says.

    `page_says_it`: the page at `url` has the same message with more to it, and needs no strip. `about` is in English:
    the page translates it.
    """

    tone: str
    title: str
    text: str
    button: str
    url: str
    page_says_it: bool = False
    about: str = gettext_noop("Money")


def worst(*, membership: Membership, money: MoneyState) -> Strip | None:
    """What the member may see of it: the money's worst, then accounts that take nothing until somebody acts.

    Where there is neither, what the operator announces to everybody.
    """
    may, workspace = PERMISSIONS[membership.role], membership.workspace
    found = _of_money(workspace.slug, money) if Permission.VIEW_BALANCE in may else None
    needed = Permission.MANAGE_BILLING
    if found is None and Permission.VIEW_ACCOUNTS in may:
        found, needed = _of_accounts(workspace.slug, workspace.pk), Permission.MANAGE_ACCOUNTS
    if found is None:
        return _announced()
    return found if needed in may else replace(found, button="")


_ANNOUNCED = {
    Announcement.Kind.INCIDENT: "bad",
    Announcement.Kind.MAINTENANCE: "warn",
    Announcement.Kind.INFO: "run",
}


def _announced() -> Strip | None:
    one = for_strip()
    if one is None:
        return None
    url = announced_at(one)
    tone = _ANNOUNCED[Announcement.Kind(one.kind)]
    button = _("Read more") if url else ""
    return Strip(tone, one.title, "", button, url, about=gettext_noop("Announcement"))


def announced_at(one: Announcement) -> str:
    """The page that has its text, if any."""
    if one.on_status:
        return reverse("site:status")
    return reverse("site:changelog") if one.on_changelog else ""


def _of_accounts(slug: str, workspace_id: int) -> Strip | None:
    accounts = byoa.in_need(workspace_id=workspace_id)
    if not accounts:
        return None
    first = accounts[0]
    if len(accounts) > 1:
        title = ngettext(
            "{count} of your own accounts needs you.",
            "{count} of your own accounts need you.",
            len(accounts),
        ).format(count=len(accounts))
        text = _("They take no tasks until somebody has seen to them.")
        url = reverse("dashboard:accounts_family", args=[slug, first.family])
    else:
        title = _("Your account {name} needs you.").format(name=first.label)
        text = told(checklist.explain(first, now=first.now).text)  # type: ignore[attr-defined]
        url = reverse("dashboard:accounts_one", args=[slug, first.family, first.pk])
    about = gettext_noop("Own accounts")
    return Strip("warn", title, text, _("See what to do"), url, page_says_it=True, about=about)


def _of_money(slug: str, money: MoneyState) -> Strip | None:
    """Debt, then a renewal that is unpaid, an empty balance, a bank that waits, automatic top-ups that stopped."""
    wallet = money.wallet
    if wallet.debt:
        title = _("You owe {amount}.").format(amount=format_usd(wallet.debt))
        text = _(
            "A payment was reversed after its credits were spent. New credits pay the debt first."
        )
        return _strip("bad", title, text, _("Top up"), slug, "topup")
    if money.is_past_due:
        title = _("The last payment failed.")
        text = _("The renewal of the plan was not paid. Everything stays as it is for some days.")
        return _strip("bad", title, text, _("See the plan"), slug, "plans")
    if money.to_confirm is not None:
        url = reverse("dashboard:billing_topup_status", args=[slug, money.to_confirm])
        title = _("Your bank wants a confirmation.")
        text = _("An automatic top-up waits for you. Nothing was charged yet.")
        return Strip("warn", title, text, _("Confirm it"), url)
    if wallet.available < _NOTHING:
        return _empty(slug, wallet.held)
    if money.stopped_reason:
        text = _("The reason: {reason}").format(reason=kept(money.stopped_reason))
        return _strip("warn", _("Automatic top-ups stopped."), text, _("See the card"), slug, "")
    return None


def _empty(slug: str, held: int) -> Strip:
    text = _("New tasks are refused; tasks that run are finished.")
    if held:
        text = _(
            "New tasks are refused; tasks that run are finished. {amount} is held by them and may come back."
        ).format(amount=format_usd(held))
    return _strip("warn", _("The credits are used up."), text, _("Top up"), slug, "topup")


def _strip(tone: str, title: str, text: str, button: str, slug: str, page: str) -> Strip:
    route = f"dashboard:billing_{page}" if page else "dashboard:billing"
    says_it = page in {"plans", ""}
    return Strip(tone, title, text, button, reverse(route, args=[slug]), says_it)
