import pytest
from django.db import IntegrityError
from django.test import Client, RequestFactory

from apps.accounts.models import Membership, User, Workspace
from apps.billing.models import CreditEntry, Wallet
from apps.core.errors import DomainError
from apps.dashboard import signup
from apps.dashboard.signup import AccountAdapter, SocialAccountAdapter

PERSON = {"email": "Ana.Lopez@example.com", "password1": "correct horse battery"}


@pytest.mark.django_db
def test_signup_opens_a_workspace_with_the_grant(client: Client) -> None:
    response = client.post("/auth/signup/", PERSON)

    workspace = Workspace.objects.get()
    membership = Membership.objects.get()
    entry = CreditEntry.objects.of(workspace.pk).get()
    assert (response.status_code, response.headers["Location"]) == (302, "/w/")
    assert (workspace.name, workspace.slug) == ("ana lopez", "ana-lopez")
    assert (membership.user.email, membership.role) == ("ana.lopez@example.com", "owner")
    assert (entry.kind, entry.reference, entry.available_delta) == ("GRANT", "signup", 3_300_000)
    assert Wallet.objects.of(workspace.pk).get().available == 3_300_000


@pytest.mark.django_db
def test_signup_leads_to_the_new_workspace(client: Client) -> None:
    response = client.post("/auth/signup/", PERSON, follow=True)

    assert response.redirect_chain[-1] == ("/w/ana-lopez/", 302)


@pytest.mark.django_db
def test_signup_without_a_workspace_leaves_no_person(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise DomainError("The ledger is away.")

    monkeypatch.setattr(signup, "open_workspace", broken)

    with pytest.raises(DomainError):
        client.post("/auth/signup/", PERSON)

    assert User.objects.count() == 0


@pytest.mark.django_db
def test_signup_with_a_known_address_makes_no_second_person(client: Client) -> None:
    Client().post("/auth/signup/", PERSON)

    client.post("/auth/signup/", {**PERSON, "email": "ana.lopez@EXAMPLE.com"})

    assert (User.objects.count(), Workspace.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_signup_that_loses_a_race_for_its_address_is_asked_to_sign_in(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(**_: object) -> None:
        raise IntegrityError("user_email_once")

    monkeypatch.setattr(signup, "open_workspace", overtaken)

    response = client.post("/auth/signup/", PERSON)

    assert (response.status_code, response.headers["Location"]) == (302, "/auth/login/")
    assert User.objects.count() == 0


@pytest.mark.django_db
def test_login_is_refused_after_too_many_wrong_passwords(client: Client) -> None:
    Client().post("/auth/signup/", PERSON)
    wrong = {"login": "ana.lopez@example.com", "password": "wrong"}
    for _ in range(10):
        client.post("/auth/login/", wrong)

    right = client.post("/auth/login/", {**wrong, "password": PERSON["password1"]})

    assert b"Too many failed login attempts" in right.content


@pytest.mark.django_db
def test_social_person_gets_their_name() -> None:
    class Login:
        user = User()

    adapter = SocialAccountAdapter(RequestFactory().get("/"))

    user = adapter.populate_user(
        RequestFactory().get("/"), Login(), {"name": "Ana López", "email": "a@example.com"}
    )

    assert (user.name, user.email) == ("Ana López", "a@example.com")


def test_rate_limits_of_sign_in_see_past_our_own_proxies(settings: object) -> None:
    settings.TRUSTED_PROXIES = 1  # type: ignore[attr-defined]
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.9")

    assert AccountAdapter(request).get_client_ip(request) == "203.0.113.9"


@pytest.mark.django_db
def test_github_page_may_send_its_form_to_github_and_others_may_not(
    client: Client, settings: object
) -> None:
    app = {"client_id": "id", "secret": "secret"}
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [app]}}  # type: ignore[attr-defined]

    github = client.get("/auth/github/login/").headers["Content-Security-Policy"]
    login = client.get("/auth/login/").headers["Content-Security-Policy"]

    assert "form-action 'self' https://github.com;" in f"{github};"
    assert "form-action 'self';" in f"{login};"


@pytest.mark.django_db
def test_login_offers_github_only_where_it_is_set_up(client: Client, settings: object) -> None:
    before = client.get("/auth/login/").content
    app = {"client_id": "id", "secret": "secret"}
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [app]}}  # type: ignore[attr-defined]
    after = client.get("/auth/login/").content

    assert (b"Continue with GitHub" in before, b"Continue with GitHub" in after) == (False, True)
