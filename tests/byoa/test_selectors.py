from datetime import time
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.selectors import IMPLIED, NoRoute
from apps.byoa.services import accounts
from apps.catalog import registry
from apps.catalog.spec import Route, TaskSpec
from apps.core.sealing import CannotOpen
from apps.providers.base import Access
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

LOCAL = registry.spec_of("modelyard/illustration", "text-to-image")
KLING = registry.spec_of("kling", "video_generation")


def with_routes(*routes: Route) -> TaskSpec:
    fields = {name: getattr(LOCAL, name) for name in TaskSpec.__dataclass_fields__}
    return TaskSpec(**{**fields, "routes": routes})


def usable(spec: TaskSpec) -> list[Route]:
    selectors.forget_pool()
    return selectors.usable_routes(spec)


def test_every_spec_can_also_be_served_by_another_server():
    assert selectors.routes(KLING) == (*KLING.routes, Route("federation", "", "provider"))


def test_local_spec_takes_the_local_route_and_asks_no_database(
    django_assert_num_queries: Any,
):
    with django_assert_num_queries(0):
        assert selectors.required_route(LOCAL) == Route("local", "illustration", queue="local")


def test_without_engine_and_account_there_is_no_route(settings: Any):
    settings.LOCAL_ENGINE = False

    assert not selectors.is_available(LOCAL)
    with pytest.raises(NoRoute) as refused:
        selectors.required_route(LOCAL)
    assert (refused.value.type, refused.value.retry_after) == ("no_route", 60)
    assert "Nothing was created or charged." in refused.value.message


@pytest.mark.parametrize(
    "routes", [(), (Route("local", "no-such-job"),), (Route("somebody", "illustration"),)]
)
def test_route_that_nobody_serves_is_not_usable(routes: tuple[Route, ...]):
    assert usable(with_routes(*routes)) == []


def test_routes_are_tried_in_their_order_and_the_implied_one_last():
    account()
    ocr, illustration = Route("local", "ocr"), Route("local", "illustration")

    spec = with_routes(Route("somebody", "x"), ocr, illustration)

    assert usable(spec) == [ocr, illustration, IMPLIED]
    assert selectors.required_route(spec) == ocr


@pytest.mark.parametrize(
    ("fields", "is_usable"),
    [
        ({}, True),
        ({"families": ("kling",)}, True),
        ({"families": ("flux", "kling")}, True),
        ({"families": ("flux",)}, False),
        ({"provider": "federation", "is_paused": True}, False),
        ({"status": "cooling"}, True),
        ({"status": "checking"}, True),
        ({"status": "no_balance"}, False),
        ({"status": "invalid_credentials"}, False),
        ({"status": "banned"}, False),
        # What comes back by itself still counts.
        ({"active_from": time(0, 0), "active_to": time(0, 1)}, True),
        ({"daily_cap": 1, "day_count": 1}, True),
    ],
)
def test_account_makes_a_route_usable_while_it_works_or_will(
    fields: dict[str, Any], is_usable: bool
):
    account(**fields)

    assert usable(KLING) == ([IMPLIED] if is_usable else [])


def test_account_of_a_workspace_opens_no_route_to_everybody(workspace: Workspace):
    account(workspace=workspace, families=["kling"])

    assert usable(KLING) == []


def test_pool_is_read_once_a_second_and_not_for_every_request(django_assert_num_queries: Any):
    account()
    selectors.forget_pool()

    with django_assert_num_queries(1):
        assert [selectors.is_available(KLING) for _ in range(100)] == [True] * 100


@pytest.mark.django_db(transaction=True)
def test_change_of_an_account_is_known_at_once_in_its_process():
    assert not selectors.is_available(KLING)
    made = account()
    assert selectors.is_available(KLING)

    accounts.pause(account_id=made.pk)

    assert not selectors.is_available(KLING)


def test_access_holds_the_opened_credential():
    made = account(config={"service_mode": "public"}, credential="s3cret")

    assert selectors.access(made) == Access(
        "https://upstream.example.com", "s3cret", {"service_mode": "public"}
    )
    assert "s3cret" not in repr(selectors.access(made))
    assert selectors.access(account(credential="")).credential == ""


def test_credential_copied_to_another_account_does_not_open():
    ours, theirs = account(credential="ours"), account(credential="theirs")
    Account.objects.across_workspaces().filter(pk=theirs.pk).update(credential=ours.credential)
    theirs.refresh_from_db()

    with pytest.raises(CannotOpen):
        selectors.access(theirs)
