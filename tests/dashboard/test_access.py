"""Who gets which page: a member, a member whose role lacks it, a stranger, nobody."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.accounts.services import KeyTerms, create_key
from apps.billing.models import Invoice, TopUp
from apps.dashboard.urls import urlpatterns
from apps.llm.services.conversations import assistants
from apps.llm.services.conversations.preparing import Opening
from apps.llm.services.conversations.rounds import open_conversation
from apps.notifications.models import Delivery
from apps.notifications.services import endpoints, outbox
from apps.notifications.services.endpoints import By, Terms
from apps.tasks.services.shares import create_share
from tests.dashboard import team_pages
from tests.factories import completed, identity, task
from tests.factories.billing import payment
from tests.factories.byoa import own_account
from tests.llm.rows import attempt

# name → method, expected status for (owner, developer, viewer, billing). A stranger always gets 404, and who is not
# signed in is sent to sign-in.
WORKSPACE_PAGES: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "overview": ("get", (200, 200, 200, 200)),
    "first_hour_hide": ("post", (302, 302, 302, 302)),
    "tasks": ("get", (200, 200, 200, 200)),
    "tasks_csv": ("get", (200, 200, 200, 200)),
    "tasks_cancel": ("get", (302, 302, 404, 404)),  # no task is chosen
    "tasks_again": ("get", (302, 302, 404, 404)),
    "tasks_download": ("get", (302, 302, 302, 404)),
    "task_views": ("get", (200, 200, 200, 200)),
    "task_view_rename": ("post", (302, 302, 302, 302)),  # no name is given
    "task_view_delete": ("post", (302, 302, 302, 302)),
    "task": ("get", (200, 200, 200, 200)),
    "task_download": ("get", (302, 302, 302, 404)),
    "models": ("get", (200, 200, 200, 200)),
    "play_any": ("get", (302, 302, 302, 404)),
    "play": ("get", (200, 200, 200, 404)),
    "quote": ("post", (200, 200, 200, 404)),
    "play_turn": ("post", (200, 200, 200, 404)),
    "play_preview": ("get", (302, 302, 302, 404)),  # without htmx: to the task
    "play_shares": ("get", (200, 200, 200, 404)),
    "play_share_revoke": ("post", (302, 302, 403, 404)),
    "cancel": ("post", (302, 302, 403, 403)),
    "replay": ("post", (302, 302, 403, 403)),
    "keys": ("get", (200, 200, 404, 404)),
    "key_create": ("get", (200, 200, 404, 404)),
    "key_revoke": ("get", (200, 404, 404, 404)),  # a developer reaches only keys of their own
    "accounts": ("get", (200, 200, 200, 404)),
    "accounts_period": ("get", (200, 200, 200, 404)),
    "accounts_family": ("get", (200, 200, 200, 404)),
    "accounts_pool": ("post", (404, 403, 403, 404)),  # no switch is named
    "accounts_connect": ("get", (200, 404, 404, 404)),
    "accounts_seats": ("get", (200, 404, 404, 200)),
    "accounts_seats_done": ("get", (404, 404, 404, 404)),  # of no payment page
    "accounts_one": ("get", (200, 200, 200, 404)),
    "accounts_check": ("post", (200, 403, 403, 404)),
    "accounts_recheck": ("post", (302, 403, 403, 404)),
    "accounts_pause": ("post", (302, 403, 403, 404)),
    "accounts_start": ("post", (302, 403, 403, 404)),
    "accounts_settings": ("post", (422, 403, 403, 404)),  # an empty form
    "accounts_credential": ("post", (422, 403, 403, 404)),
    "accounts_delete": ("get", (200, 404, 404, 404)),
    "accounts_report": ("get", (200, 200, 200, 404)),
    "accounts_report_csv": ("get", (200, 200, 200, 404)),
    "notifications": ("get", (200, 200, 200, 200)),
    "notifications_read": ("post", (302, 302, 302, 302)),
    "notifications_settings": ("get", (200, 200, 200, 200)),
    "notifications_hook": ("post", (302, 403, 403, 403)),
    "notifications_secret": ("post", (302, 403, 403, 403)),
    "notifications_test": ("post", (302, 403, 403, 403)),
    "notifications_preferences": ("post", (302, 403, 403, 403)),
    "notifications_replay": ("post", (302, 403, 403, 403)),
    "webhooks": ("get", (200, 200, 404, 404)),
    "webhooks_new": ("get", (200, 200, 404, 404)),
    "webhooks_one": ("get", (200, 200, 404, 404)),
    "webhooks_edit": ("get", (200, 200, 404, 404)),
    "webhooks_secret": ("post", (302, 200, 404, 404)),  # once a day, and the developer comes first
    "webhooks_overlap": ("post", (302, 302, 404, 404)),
    "webhooks_test": ("post", (302, 302, 404, 404)),
    "webhooks_pause": ("post", (302, 302, 404, 404)),
    "webhooks_resume": ("post", (302, 302, 404, 404)),
    "webhooks_delete": ("get", (200, 200, 404, 404)),
    "webhooks_replay": ("get", (200, 200, 404, 404)),
    "webhooks_delivery": ("get", (200, 200, 404, 404)),
    "webhooks_again": ("post", (302, 302, 404, 404)),
    "conversations": ("get", (200, 200, 200, 404)),
    "conversations_begin": ("post", (422, 422, 403, 404)),  # an empty form
    "conversation": ("get", (200, 200, 200, 404)),
    "conversation_file": ("post", (422, 422, 403, 404)),
    "conversation_delete": ("get", (200, 200, 200, 404)),
    "assistants": ("get", (200, 200, 200, 404)),
    "assistants_new": ("get", (200, 200, 200, 404)),
    "assistant": ("get", (200, 200, 200, 404)),
    "assistant_file": ("post", (422, 422, 403, 404)),
    "assistant_file_remove": ("post", (404, 404, 403, 404)),  # there is no such file
    "assistant_delete": ("get", (200, 200, 200, 404)),
    "chat": ("get", (200, 200, 200, 404)),
    "llm_calls": ("get", (200, 200, 200, 200)),
    "llm_call": ("get", (200, 200, 200, 200)),
    "llm_call_cost": ("get", (200, 200, 200, 200)),
    "llm_usage": ("get", (302, 302, 302, 302)),
    "llm_settings": ("get", (200, 404, 404, 404)),
    "llm_settings_forget": ("post", (302, 404, 404, 404)),
    "billing": ("get", (200, 200, 200, 200)),
    "billing_autotopup": ("post", (422, 404, 404, 422)),  # an empty form
    "billing_card": ("post", (302, 404, 404, 302)),
    "billing_card_done": ("get", (404, 404, 404, 404)),  # of no page
    "billing_card_remove": ("post", (302, 404, 404, 302)),
    "billing_topup_confirm": ("post", (303, 404, 404, 303)),
    "billing_transactions": ("get", (200, 200, 200, 200)),
    "billing_transactions_csv": ("get", (200, 200, 200, 200)),
    "billing_usage": ("get", (302, 302, 302, 302)),
    "billing_usage_csv": ("get", (302, 302, 302, 302)),
    "usage": ("get", (200, 200, 200, 200)),
    "usage_csv": ("get", (200, 200, 200, 200)),
    "billing_budgets": ("get", (200, 404, 404, 404)),
    "billing_budgets_member": ("get", (200, 404, 404, 404)),
    "billing_budgets_key": ("get", (200, 404, 404, 404)),
    "billing_invoices": ("get", (200, 404, 404, 200)),
    "billing_invoices_csv": ("get", (200, 404, 404, 200)),
    "billing_invoices_details": ("get", (200, 404, 404, 200)),
    "billing_invoices_one": ("get", (200, 404, 404, 200)),
    "billing_invoices_pdf": ("get", (200, 404, 404, 200)),
    "billing_invoices_statement": ("get", (200, 404, 404, 200)),
    "billing_invoices_statement_pdf": ("get", (200, 404, 404, 200)),
    "billing_invoices_statement_csv": ("get", (200, 404, 404, 200)),
    "billing_topup": ("get", (200, 404, 404, 200)),
    "billing_topup_status": ("get", (200, 404, 404, 200)),
    "billing_topup_cancel": ("post", (302, 404, 404, 302)),
    "billing_topup_crypto": ("get", (200, 404, 404, 200)),
    "billing_portal": ("post", (302, 404, 404, 302)),
    "billing_plans": ("get", (200, 404, 404, 200)),
    "billing_plans_change": ("get", (200, 404, 404, 200)),
    "billing_plans_done": ("get", (404, 404, 404, 404)),  # of no payment page
    "billing_plans_end": ("post", (302, 404, 404, 302)),
    "billing_plans_resume": ("post", (302, 404, 404, 302)),
    "billing_redeem": ("get", (200, 404, 404, 200)),
    "billing_referral": ("get", (200, 404, 404, 200)),
    **team_pages.PAGES,
}
OWN_PAGES = {"home", "me", "theme", "language", *team_pages.OWN_PAGES}
# For whoever has the link.
PUBLIC_PAGES = {"shared"}
PEOPLE = ("owner", "developer", "viewer", "billing")


def _paths(workspace: Workspace) -> dict[str, str]:
    found = task(workspace)
    outbox.add([outbox.Event(workspace.pk, found.reference, "task.created", "https://e.org", "{}")])
    delivery = Delivery.objects.of(workspace.pk).latest("id")
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="a"), actor=None)
    base = f"/w/{workspace.slug}"
    owner = workspace.memberships.earliest("id")
    model = "modelyard/illustration/text-to-image"
    return {
        "overview": f"{base}/",
        "first_hour_hide": f"{base}/first-hour/hide",
        "tasks": f"{base}/tasks",
        "tasks_csv": f"{base}/tasks.csv",
        "tasks_cancel": f"{base}/tasks/cancel",
        "tasks_again": f"{base}/tasks/again",
        "tasks_download": f"{base}/tasks/download",
        "task_views": f"{base}/tasks/views",
        "task_view_rename": f"{base}/tasks/views/1/rename",
        "task_view_delete": f"{base}/tasks/views/1/delete",
        "task": f"{base}/tasks/{found.id}",
        "task_download": f"{base}/tasks/{found.id}/download",
        "models": f"{base}/models",
        "play_any": f"{base}/play",
        "play": f"{base}/play/{model}",
        "quote": f"{base}/quote/{model}",
        "play_turn": f"{base}/turn/{model}",
        "play_preview": f"{base}/preview/{found.id}",
        "play_shares": f"{base}/tasks/{found.id}/shares",
        "play_share_revoke": f"{base}/shares/{_share(workspace)}/revoke",
        "cancel": f"{base}/tasks/{found.id}/cancel",
        "replay": f"{base}/tasks/{found.id}/replay/{delivery.event_id}",
        "keys": f"{base}/keys",
        "key_create": f"{base}/keys/new",
        "key_revoke": f"{base}/keys/{key.pk}/revoke",
        **team_pages.paths(workspace),
        "notifications": f"{base}/notifications",
        "notifications_read": f"{base}/notifications/read",
        "notifications_settings": f"{base}/notifications/settings",
        "notifications_hook": f"{base}/notifications/hook",
        "notifications_secret": f"{base}/notifications/secret",
        "notifications_test": f"{base}/notifications/test",
        "notifications_preferences": f"{base}/notifications/preferences",
        "notifications_replay": f"{base}/notifications/replay/{delivery.event_id}",
        "billing_topup": f"{base}/billing/topup",
        "billing_topup_status": f"{base}/billing/topup/{_top_up(workspace).pk}",
        "billing_topup_cancel": f"{base}/billing/topup/{_top_up(workspace).pk}/cancel",
        "billing_topup_crypto": f"{base}/billing/topup/crypto",
        "billing_topup_confirm": f"{base}/billing/topup/{_top_up(workspace).pk}/confirm",
        "billing_autotopup": f"{base}/billing/auto-topup",
        "billing_card": f"{base}/billing/card",
        "billing_card_done": f"{base}/billing/card/done",
        "billing_card_remove": f"{base}/billing/card/remove",
        "billing_portal": f"{base}/billing/portal",
        "billing_plans": f"{base}/billing/plans",
        "billing_plans_change": f"{base}/billing/plans/to/premium",
        "billing_plans_done": f"{base}/billing/plans/done",
        "billing_plans_end": f"{base}/billing/plans/end",
        "billing_plans_resume": f"{base}/billing/plans/resume",
        "billing_redeem": f"{base}/billing/redeem",
        "billing_referral": f"{base}/billing/referral",
        **_invoice_paths(workspace, f"{base}/billing/invoices"),
        **_account_paths(workspace, f"{base}/accounts"),
        **_llm_paths(workspace, base),
        **_conversation_paths(workspace, base),
        **_webhook_paths(workspace, f"{base}/webhooks"),
        "billing": f"{base}/billing",
        "billing_transactions": f"{base}/billing/transactions",
        "billing_transactions_csv": f"{base}/billing/transactions.csv",
        "billing_usage": f"{base}/billing/usage",
        "billing_usage_csv": f"{base}/billing/usage.csv",
        "usage": f"{base}/usage",
        "usage_csv": f"{base}/usage.csv",
        "billing_budgets": f"{base}/billing/budgets",
        "billing_budgets_member": f"{base}/billing/budgets/members/{owner.pk}",
        "billing_budgets_key": f"{base}/billing/budgets/keys/{key.pk}",
    }


def _share(workspace: Workspace) -> int:
    made, _ = create_share(
        identity=identity(workspace),
        task_id=completed(workspace).id,
        hours=1,
        shows_input=False,
    )
    return made.pk


def _conversation_paths(workspace: Workspace, base: str) -> dict[str, str]:
    who = identity(workspace)
    made = open_conversation(identity=who, opening=Opening("gpt-4o"))
    helper = assistants.create(identity=who, terms=assistants.Terms("Helper", "", "gpt-4o"))
    talk, one = f"{base}/conversations/{made.pk}", f"{base}/assistants/{helper.public_id}"
    return {
        "conversations": f"{base}/conversations",
        "conversations_begin": f"{base}/conversations/begin",
        "conversation": talk,
        "conversation_file": f"{talk}/files",
        "conversation_delete": f"{talk}/delete",
        "assistants": f"{base}/assistants",
        "assistants_new": f"{base}/assistants/new",
        "assistant": one,
        "assistant_file": f"{one}/files",
        "assistant_file_remove": f"{one}/files/file-0/remove",
        "assistant_delete": f"{one}/delete",
    }


def _webhook_paths(workspace: Workspace, base: str) -> dict[str, str]:
    terms = Terms("https://127.0.0.2.example.com/", "", ["task.failed"])
    made, _ = endpoints.create(workspace_id=workspace.pk, terms=terms, by=By(None))
    sent = Delivery.objects.create(
        workspace=workspace, subject="x", kind="test", hook=made, endpoint=made.url, lane="x"
    )
    one, delivery = f"{base}/{made.pk}", f"{base}/{made.pk}/d/{sent.event_id}"
    parts = ("edit", "secret", "overlap", "test", "pause", "resume", "delete", "replay")
    return {
        "webhooks": base,
        "webhooks_new": f"{base}/new",
        "webhooks_one": one,
        **{f"webhooks_{part}": f"{one}/{part}" for part in parts},
        "webhooks_delivery": delivery,
        "webhooks_again": f"{delivery}/replay",
    }


def _llm_paths(workspace: Workspace, base: str) -> dict[str, str]:
    call = f"{base}/llm/calls/{attempt(workspace).call}"
    return {
        "chat": f"{base}/chat",
        "llm_calls": f"{base}/llm/calls",
        "llm_call": call,
        "llm_call_cost": f"{call}/cost",
        "llm_usage": f"{base}/llm/usage",
        "llm_settings": f"{base}/llm/settings",
        "llm_settings_forget": f"{base}/llm/settings/forget",
    }


def _invoice_paths(workspace: Workspace, base: str) -> dict[str, str]:
    payment(workspace)
    newest = Invoice.objects.of(workspace.pk).latest("sequence")
    one = f"{base}/{newest.pk}"
    month = f"{base}/statements/{timezone.now():%Y-%-m}"
    return {
        "billing_invoices": base,
        "billing_invoices_csv": f"{base}.csv",
        "billing_invoices_details": f"{base}/details",
        "billing_invoices_one": one,
        "billing_invoices_pdf": f"{one}.pdf",
        "billing_invoices_statement": month,
        "billing_invoices_statement_pdf": f"{month}.pdf",
        "billing_invoices_statement_csv": f"{month}.csv",
    }


def _account_paths(workspace: Workspace, base: str) -> dict[str, str]:
    # Nobody is asked: the address is one that we never call.
    made = own_account(workspace, base_url="https://127.0.0.1")
    family, one = f"{base}/midjourney", f"{base}/midjourney/{made.pk}"
    parts = ("check", "recheck", "pause", "start", "settings", "credential", "delete", "report")
    return {
        "accounts": base,
        "accounts_period": f"{base}/period",
        "accounts_family": family,
        "accounts_pool": f"{family}/pool",
        "accounts_connect": f"{family}/connect",
        "accounts_seats": f"{family}/seats",
        "accounts_seats_done": f"{family}/seats/done",
        "accounts_one": one,
        **{f"accounts_{part}": f"{one}/{part}" for part in parts},
        "accounts_report_csv": f"{one}/report.csv",
    }


def _top_up(workspace: Workspace) -> TopUp:
    found, _ = TopUp.objects.of(workspace.pk).get_or_create(
        client_key="access-table",
        defaults={"workspace": workspace, "provider": "stripe", "amount_points": 200_000_000},
    )
    return found


def _names() -> Iterator[str]:
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name:
            yield pattern.name


def test_access_table_has_every_page() -> None:
    assert sorted(_names()) == sorted({*WORKSPACE_PAGES, *OWN_PAGES, *PUBLIC_PAGES})


@pytest.mark.parametrize("name", WORKSPACE_PAGES)
def test_page_answers_each_role_as_the_table_says(
    name: str, workspace: Workspace, request: pytest.FixtureRequest
) -> None:
    method, expected = WORKSPACE_PAGES[name]
    path = _paths(workspace)[name]

    answers = []
    # Cancelling works once, so the one who may goes last.
    for person in reversed(PEOPLE):
        client: Client = request.getfixturevalue(person)
        answers.append(getattr(client, method)(path).status_code)

    assert tuple(reversed(answers)) == expected


@pytest.mark.parametrize("name", WORKSPACE_PAGES)
def test_page_does_not_exist_for_a_stranger(
    name: str, workspace: Workspace, stranger: Client
) -> None:
    method, _ = WORKSPACE_PAGES[name]

    response = getattr(stranger, method)(_paths(workspace)[name])

    assert response.status_code == 404


@pytest.mark.parametrize("name", WORKSPACE_PAGES)
def test_page_sends_who_is_not_signed_in_to_sign_in(
    name: str, workspace: Workspace, client: Client
) -> None:
    method, _ = WORKSPACE_PAGES[name]
    path = _paths(workspace)[name]

    response = getattr(client, method)(path)

    assert (response.status_code, response.url) == (302, f"/auth/login/?next={path}")


def test_expired_session_in_an_htmx_request_moves_the_whole_page(
    workspace: Workspace, client: Client
) -> None:
    headers = {
        "HX-Request": "true",
        "HX-Current-URL": f"http://testserver/w/{workspace.slug}/tasks",
    }

    response = client.get(f"/w/{workspace.slug}/", headers=headers)

    assert response.headers["HX-Redirect"] == f"/auth/login/?next=/w/{workspace.slug}/tasks"


@pytest.mark.parametrize("path", ["/w/", "/me"])
def test_own_page_sends_who_is_not_signed_in_to_sign_in(
    path: str, client: Client, db: None
) -> None:
    assert client.get(path).headers["Location"] == f"/auth/login/?next={path}"


def test_run_is_refused_for_a_viewer_and_creates_nothing(
    workspace: Workspace, viewer: Client, held: Any
) -> None:
    path = f"/w/{workspace.slug}/play/modelyard/illustration/text-to-image"

    response = viewer.post(path, {"prompt": "a fox"})

    assert (response.status_code, held(workspace)) == (403, 0)


def test_viewer_sees_a_disabled_run_button(workspace: Workspace, viewer: Client) -> None:
    page = viewer.get(f"/w/{workspace.slug}/play/modelyard/illustration/text-to-image").content

    button = page.partition(b'<button class="btn btn-primary"')[2].partition(b">")[0]
    assert b"disabled" in button


def test_task_of_a_neighbour_does_not_exist(workspace: Workspace, stranger: Client) -> None:
    theirs = Workspace.objects.exclude(pk=workspace.pk).get()
    found = task(workspace)

    answers = [
        stranger.get(f"/w/{theirs.slug}/tasks/{found.id}").status_code,
        stranger.post(f"/w/{theirs.slug}/tasks/{found.id}/cancel").status_code,
        stranger.get(
            f"/w/{theirs.slug}/play/modelyard/illustration/text-to-image?task={found.id}"
        ).status_code,
    ]

    assert answers == [404, 404, 404]


def test_key_of_a_neighbour_does_not_exist(workspace: Workspace, stranger: Client) -> None:
    theirs = Workspace.objects.exclude(pk=workspace.pk).get()
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="a"), actor=None)

    response = stranger.post(f"/w/{theirs.slug}/keys/{key.pk}/revoke")

    key.refresh_from_db()
    assert (response.status_code, key.revoked_at) == (404, None)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/w/acme", "/w/acme/"),
        ("/w/acme/tasks/", "/w/acme/tasks"),
        ("/w/acme/keys/?a=1", "/w/acme/keys?a=1"),
        ("/me/", "/me"),
        ("/auth/login", "/auth/login/"),
    ],
)
def test_address_with_a_slash_too_many_or_too_few_leads_to_the_page(
    client: Client, typed: str, meant: str
) -> None:
    answer = client.get(typed)

    assert (answer.status_code, answer.headers["Location"]) == (301, meant)


@pytest.mark.parametrize("path", ["nothing", "tasks/nothing", "billing/nothing/at/all"])
def test_address_that_is_none_is_not_found(path: str, workspace: Workspace, owner: Client) -> None:
    answer = owner.get(f"/w/{workspace.slug}/{path}", follow=True)

    assert (answer.status_code, answer.redirect_chain) == (404, [])
