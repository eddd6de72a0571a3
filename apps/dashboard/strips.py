"""The one strip above a page that says what is wrong with the money: the worst wins.

Reads nothing that the menu has not read already.
"""

from dataclasses import dataclass

from django.urls import reverse

from apps.accounts.models import Workspace
from apps.billing.selectors.state import MoneyState
from apps.core.money import POINTS_PER_USD, format_usd

# What is less than a cent is shown as nothing, and nothing can be bought with it.
_NOTHING = POINTS_PER_USD // 100


@dataclass(frozen=True)
class Strip:
    """`tone` as in app.css; `button` leads to `url`, for those who may do what it says.

    `page_says_it`: the page at `url` has the same message with more to it, and needs no strip.
    """

    tone: str
    title: str
    text: str
    button: str
    url: str
    page_says_it: bool = False


def worst(*, workspace: Workspace, money: MoneyState) -> Strip | None:
    """Debt, then a renewal that is unpaid, an empty balance, a bank that waits, automatic top-ups that stopped."""
    slug, wallet = workspace.slug, money.wallet
    if wallet.debt:
        text = (
            "A payment was reversed after its credits were spent. New credits pay the debt first."
        )
        return _strip("bad", f"You owe {format_usd(wallet.debt)}.", text, "Top up", slug, "topup")
    if money.is_past_due:
        text = "The renewal of the plan was not paid. Everything stays as it is for some days."
        return _strip("bad", "The last payment failed.", text, "See the plan", slug, "plans")
    if money.to_confirm is not None:
        url = reverse("dashboard:billing_topup_status", args=[slug, money.to_confirm])
        text = "An automatic top-up waits for you. Nothing was charged yet."
        return Strip("warn", "Your bank wants a confirmation.", text, "Confirm it", url)
    if wallet.available < _NOTHING:
        return _empty(slug, wallet.held)
    if money.stopped_reason:
        text = f"The reason: {money.stopped_reason}"
        return _strip("warn", "Automatic top-ups stopped.", text, "See the card", slug, "")
    return None


def _empty(slug: str, held: int) -> Strip:
    text = "New tasks are refused; tasks that run are finished."
    if held:
        text += f" {format_usd(held)} is held by them and may come back."
    return _strip("warn", "The credits are used up.", text, "Top up", slug, "topup")


def _strip(tone: str, title: str, text: str, button: str, slug: str, page: str) -> Strip:
    route = f"dashboard:billing_{page}" if page else "dashboard:billing"
    says_it = page in {"plans", ""}
    return Strip(tone, title, text, button, reverse(route, args=[slug]), says_it)
