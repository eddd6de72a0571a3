"""The protocol: keys, parameters, idempotency, lists, expansion, faults and what survives a restart."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests.payments.stripe_server import SECRET_KEY, StripeServer, serving

AUTH = {"authorization": f"Bearer {SECRET_KEY}"}
PAY = {"amount": "900", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}


def post(server: StripeServer, path: str, data: Any = None, key: str = "") -> httpx.Response:
    headers = AUTH | ({"idempotency-key": key} if key else {})
    return httpx.post(f"{server.url}{path}", data=data, headers=headers, timeout=20)


def intents(server: StripeServer) -> int:
    return len(list(server.client().v1.payment_intents.list().auto_paging_iter()))


def test_knows_nothing_of_django():
    code = "import sys, apps.sandbox.stripe.server; sys.exit('django' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_wrong_key_is_refused(stripe_server: StripeServer):
    client = stripe.StripeClient(
        "sk_test_other", base_addresses={"api": stripe_server.url}, max_network_retries=0
    )
    with pytest.raises(stripe.AuthenticationError):
        client.v1.customers.list()
    assert httpx.post(f"{stripe_server.url}/_knobs", json={}).status_code == 401


@pytest.mark.parametrize(
    ("path", "data", "status", "code", "param"),
    [
        ("/v1/customers", {"emial": "a"}, 400, "parameter_unknown", "emial"),
        ("/v1/customers", {"address[town]": "a"}, 400, "parameter_unknown", "address[town]"),
        ("/v1/payment_intents", {"currency": "usd"}, 400, "parameter_missing", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "49"}, 400, "amount_too_small", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "-1"}, 400, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "0"}, 400, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "1.5"}, 400, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "1e3"}, 400, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "100000000"}, 400, "amount_too_large", "amount"),
        ("/v1/payment_intents", PAY | {"amount": "9" * 30}, 400, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", PAY | {"currency": "eur"}, 400, None, "currency"),
        ("/v1/payment_intents", PAY | {"confirm": "yes"}, 400, None, "confirm"),
        ("/v1/payment_intents", PAY | {"customer": "cus_x"}, 400, "resource_missing", "customer"),
        ("/v1/payment_intents", PAY | {"payment_method": "pm_x"}, 400, "resource_missing", "payment_method"),
        ("/v1/checkout/sessions", {"mode": "gift", "success_url": "a"}, 400, None, "mode"),
        ("/v1/customers/cus_x", {}, 404, "resource_missing", "id"),
        ("/v1/nonsense", {}, 404, None, None),
        ("/v1/customers", {"metadata[a]": "b" * 501}, 400, None, "metadata[a]"),
        ("/v1/customers", {"email[a]": "b"}, 400, None, "email"),
        ("/v1/customers", {"address": "b"}, 400, None, "address"),
        ("/v1/subscriptions", {"customer": "cus_x", "trial_period_days": "3"}, 400, None, "trial_period_days"),
    ],
)  # fmt: skip
def test_bad_calls_are_refused_as_stripe_does(
    stripe_server: StripeServer,
    path: str,
    data: dict[str, str],
    status: int,
    code: str | None,
    param: str | None,
):
    answer = post(stripe_server, path, data)

    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error.get("param")) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert intents(stripe_server) == 0


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"a[b]=1&a=2", b"a=1&a[b]=2", b"[x]=1", b"a[=1", b"=", b"x" * 2_000_000, b"a&b"],
)
def test_garbage_is_never_our_fault(stripe_server: StripeServer, body: bytes):
    answer = httpx.post(f"{stripe_server.url}/v1/customers", content=body, headers=AUTH)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_key_does_the_work_once(stripe_server: StripeServer):
    first = post(stripe_server, "/v1/payment_intents", PAY, key="k")
    again = post(stripe_server, "/v1/payment_intents", PAY, key="k")
    other = post(stripe_server, "/v1/payment_intents", PAY | {"amount": "901"}, key="k")
    elsewhere = post(stripe_server, "/v1/customers", {}, key="k")

    assert (again.status_code, again.content) == (200, first.content)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    for refused in (other, elsewhere):
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")
    assert intents(stripe_server) == 1


def test_key_remembers_a_decline(stripe_server: StripeServer):
    body = PAY | {"payment_method": "pm_card_chargeDeclined"}
    first = post(stripe_server, "/v1/payment_intents", body, key="k")
    again = post(stripe_server, "/v1/payment_intents", body, key="k")

    assert (first.status_code, again.status_code) == (402, 402)
    assert first.content == again.content
    assert intents(stripe_server) == 1


def test_key_whose_parameters_were_wrong_is_still_free(stripe_server: StripeServer):
    assert post(stripe_server, "/v1/payment_intents", {"amont": "1"}, key="k").status_code == 400
    assert post(stripe_server, "/v1/payment_intents", PAY, key="k").status_code == 200


def test_key_in_progress_is_refused(stripe_server: StripeServer):
    stripe_server.knobs.work_seconds = 0.5
    ready = threading.Barrier(2)

    def pay(_: int) -> int:
        ready.wait(5)
        return post(stripe_server, "/v1/payment_intents", PAY, key="k").status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(pay, range(2))) == [200, 409]
    assert intents(stripe_server) == 1


@pytest.mark.parametrize("answer", ["500", "drop"])
def test_lost_answer_is_had_by_asking_again(stripe_server: StripeServer, answer: str):
    stripe_server.fault("POST /v1/payment_intents", answer)
    intent = stripe_server.client(max_network_retries=1).v1.payment_intents.create(
        {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )

    assert intent.status == "succeeded"
    assert intents(stripe_server) == 1


def test_saved_error_stays_with_its_key(stripe_server: StripeServer):
    stripe_server.fault("POST /v1/payment_intents", "500", saved=True)
    statuses = [
        post(stripe_server, "/v1/payment_intents", PAY, key=key).status_code
        for key in ("a", "a", "b")
    ]
    assert statuses == [500, 500, 200]
    assert intents(stripe_server) == 2


def test_fault_before_the_work_leaves_nothing(stripe_server: StripeServer):
    stripe_server.fault("POST /v1/payment_intents", "429", after=False)
    assert post(stripe_server, "/v1/payment_intents", PAY, key="k").status_code == 429
    assert intents(stripe_server) == 0


def test_knobs_are_turned_over_http(stripe_server: StripeServer):
    url = f"{stripe_server.url}/_knobs"
    good = httpx.post(
        url, json={"duplicate": 2, "faults": [{"match": "GET /v1/x"}]}, headers=AUTH
    ).json()
    bad = [
        httpx.post(url, content=body, headers=AUTH).status_code
        for body in (
            b'{"no": 1}',
            b"[1]",
            b"x",
            b'{"duplicate": "many"}',
            b'{"faults": [{"x": 1}]}',
        )
    ]

    assert (good["duplicate"], good["faults"][0]["match"]) == (2, "GET /v1/x")
    assert bad == [400] * 5


def test_lists_are_paged_newest_first(stripe_server: StripeServer, sdk: stripe.StripeClient):
    made = [sdk.v1.customers.create({"email": f"{n % 2}@example.com"}).id for n in range(5)]

    page = sdk.v1.customers.list({"limit": 2})
    assert ([one.id for one in page.data], page.has_more) == ([made[4], made[3]], True)
    after = sdk.v1.customers.list({"limit": 3, "starting_after": made[3]})
    assert ([one.id for one in after.data], after.has_more) == (made[2::-1], False)
    before = sdk.v1.customers.list({"limit": 2, "ending_before": made[1]})
    assert ([one.id for one in before.data], before.has_more) == ([made[3], made[2]], True)
    every = sdk.v1.customers.list({"limit": 2}).auto_paging_iter()
    assert [one.id for one in every] == made[::-1]
    named = sdk.v1.customers.list({"email": "1@example.com"}).data
    assert [one.id for one in named] == [made[3], made[1]]
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.customers.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.customers.list({"starting_after": "cus_x"})


def test_lists_are_filtered_by_time(stripe_server: StripeServer, sdk: stripe.StripeClient):
    made = [sdk.v1.customers.create({}) for _ in range(3)]
    for n, one in enumerate(made):
        with stripe_server.changing():
            stripe_server.world.save(stripe_server.world.must("customer", one.id), created=100 + n)

    def found(**bounds: int) -> list[int]:
        created: Any = {"created": bounds}
        return [one.created for one in sdk.v1.customers.list(created).data]

    assert found(gte=101) == [102, 101]
    assert found(gt=101) == [102]
    assert found(lte=101, gt=100) == [101]
    assert found(lt=101) == [100]


def test_expansion_follows_and_refuses(stripe_server: StripeServer, sdk: stripe.StripeClient):
    customer = sdk.v1.customers.create({"email": "ada@example.com"}).id
    sdk.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "usd",
            "customer": customer,
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )
    expand: Any = {"expand": ["data.latest_charge.balance_transaction", "data.customer"]}
    found: Any = sdk.v1.payment_intents.list(expand).data[0]

    assert (found.customer.email, found.latest_charge.balance_transaction.net) == (
        "ada@example.com",
        844,
    )
    for path in ("nothing", "amount.x", "latest_charge.a.b.c.d"):
        with pytest.raises(stripe.InvalidRequestError):
            sdk.v1.payment_intents.retrieve(found.id, {"expand": [path]})


def test_metadata_is_merged_and_removed(sdk: stripe.StripeClient):
    customer = sdk.v1.customers.create({"metadata": {"a": "1", "b": "2"}}).id
    sdk.v1.customers.update(customer, {"metadata": {"b": "", "c": "3"}})
    found: Any = sdk.v1.customers.retrieve(customer)
    assert found.metadata.to_dict() == {"a": "1", "c": "3"}


def test_price_lookup_key_moves_to_the_new_price(sdk: stripe.StripeClient):
    def price(amount: int, **more: Any) -> str:
        return sdk.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": amount,
                "product_data": {"name": "Plan"},
                "lookup_key": "plan",
                **more,
            }
        ).id

    price(1000)
    with pytest.raises(stripe.InvalidRequestError):
        price(2000)
    second = price(2000, transfer_lookup_key=True)
    found = sdk.v1.prices.list({"lookup_keys": ["plan", "other"], "active": True}).data
    assert [one.id for one in found] == [second]


def test_everything_survives_a_restart(tmp_path: Path):
    database = str(tmp_path / "stripe.sqlite3")
    with serving(database) as server:
        first = post(server, "/v1/payment_intents", PAY, key="k")
        events = server.events()
    with serving(database) as server:
        again = post(server, "/v1/payment_intents", PAY, key="k")
        assert (again.status_code, again.content) == (200, first.content)
        assert server.events() == events
        assert intents(server) == 1
