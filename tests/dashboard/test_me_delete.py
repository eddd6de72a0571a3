from typing import Any

from allauth.account.models import EmailAddress
from django.test import Client

from apps.accounts import selectors
from apps.accounts.models import User, Workspace
from apps.accounts.selectors import InvalidApiKey
from apps.accounts.services import KeyTerms, create_key
from apps.billing.models import Invoice, Wallet
from apps.dashboard.closing import sweep
from tests.dashboard.conftest import browser
from tests.factories import UserFactory, WorkspaceFactory, member, owner_of
from tests.factories.billing import payment


def proven(user: User) -> Client:
    client = browser(user)
    client.post("/auth/reauthenticate/", {"password": "correct horse"})
    return client


def works(secret: str) -> bool:
    selectors.forget_believed_keys()
    try:
        return bool(selectors.identify(key=secret))
    except InvalidApiKey:
        return False


def key_of(workspace: Workspace, user: User) -> str:
    return create_key(workspace_id=workspace.pk, terms=KeyTerms(name="a"), actor=user)[1]


def delete(client: Client, email: str) -> Any:
    return client.post("/me/delete", {"email": email})


def test_account_asks_for_a_proof_and_the_address(workspace: Workspace) -> None:
    user = owner_of(workspace)

    unproven = delete(browser(user), user.email)
    client = proven(user)
    asked = client.get("/me/delete").content.decode()
    wrong = delete(client, "other@example.com")

    user.refresh_from_db()
    assert (unproven.status_code, wrong.status_code, user.is_active) == (302, 422, True)
    assert workspace.name in asked
    assert "$1.00" in asked


def test_account_goes_with_its_workspace_and_the_books_stay(workspace: Workspace) -> None:
    payment(workspace)
    user, bills = owner_of(workspace), Invoice.objects.of(workspace.pk).count()
    secret, email = key_of(workspace, user), user.email
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    other_browser = browser(user)

    answer = delete(proven(user), email.upper())
    stopped = works(secret)
    sweep()

    user.refresh_from_db()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/auth/login/")
    assert (user.email, user.name) == (f"deleted-{user.pk}@deleted.invalid", "")
    assert (user.is_active, user.has_usable_password(), stopped) == (False, False, False)
    assert not EmailAddress.objects.filter(email=email).exists()
    assert other_browser.get("/me").status_code == 302
    assert not workspace.memberships.exists()
    assert Wallet.objects.of(workspace.pk).get().available == 0
    assert Invoice.objects.of(workspace.pk).count() == bills > 0


def test_address_can_sign_up_again(workspace: Workspace) -> None:
    user = owner_of(workspace)
    email = user.email

    delete(proven(user), email)

    assert UserFactory.create(email=email).pk != user.pk


def test_owner_of_a_workspace_with_others_is_refused(workspace: Workspace) -> None:
    user = owner_of(workspace)
    member(workspace)
    client = proven(user)

    page = client.get("/me/delete").content.decode()
    refused = delete(client, user.email)

    user.refresh_from_db()
    assert "others work there" in page
    assert (refused.status_code, user.is_active) == (422, True)
    assert Workspace.objects.get(pk=workspace.pk).closes_at is None


def test_member_leaves_others_workspaces_alone_but_for_their_keys(workspace: Workspace) -> None:
    user = member(workspace)
    theirs, ours = key_of(workspace, user), key_of(workspace, owner_of(workspace))

    delete(proven(user), user.email)

    assert (works(theirs), works(ours)) == (False, True)
    assert [one.user for one in workspace.memberships.all()] == [owner_of(workspace)]
    assert Workspace.objects.get(pk=workspace.pk).closes_at is None


def test_page_of_deletion_costs_few_queries(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    user = owner_of(workspace)
    client = proven(user)
    client.get("/me/delete")
    foreign = WorkspaceFactory.create()

    with django_assert_max_num_queries(12):
        page = client.get("/me/delete").content.decode()

    assert foreign.name not in page
