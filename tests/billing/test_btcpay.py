"""BTCPay Server as its API description has it: recorded answers, served over real HTTP."""

import hmac
import json
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.accounts.models import Workspace
from apps.billing.gateways import btcpay as gateway
from apps.billing.models import InboundEvent, Payment, TopUp
from apps.billing.services import btcpay
from apps.billing.services.inbox import work
from apps.core.errors import InvalidRequest
from tests.billing.crypto import USD, balance, paid, state
from tests.factories import WorkspaceFactory
from tests.payments.chain_server import served

RECORDED = Path(__file__).parent / "btcpay_recorded"
SECRET = "whsec"


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


class Server:
    """Plays one store: what it was asked, and the answers a test may change."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.invoices: list[dict[str, Any]] = []
        self.methods: list[dict[str, Any]] = recorded("payment_methods_none")
        self.status = 200
        self.dies_after_making = False

    async def __call__(self, request: Request) -> Response:
        body = await request.body()
        told = json.loads(body) if body else None
        self.asked.append((request.method, request.url.path, told))
        if request.headers["authorization"] != "token key":
            return Response(status_code=401)
        if self.status != 200:
            return Response(status_code=self.status)
        return self._answer(request, told)

    def _answer(self, request: Request, told: Any) -> Response:
        path = request.url.path.removeprefix("/api/v1/stores/store/invoices")
        if request.method == "POST":
            made = recorded("invoice_new") | {
                "amount": told["amount"],
                "currency": told["currency"],
                "metadata": told["metadata"],
            }
            self.invoices.append(made)
            return Response(status_code=502) if self.dies_after_making else JSONResponse(made)
        if not path:
            order = request.query_params["orderId"]
            return JSONResponse([i for i in self.invoices if i["metadata"]["orderId"] == order])
        if path.endswith("/payment-methods"):
            return JSONResponse(self.methods)
        found = [one for one in self.invoices if path == f"/{one['id']}"]
        return JSONResponse(found[0]) if found else Response(status_code=404)

    def become(self, status: str, additional: str = "None", methods: str = "") -> None:
        self.invoices[0] |= {"status": status, "additionalStatus": additional}
        if methods:
            self.methods = recorded(methods)


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    playing = Server()
    app = Starlette(routes=[Route("/{path:path}", playing.__call__, methods=["GET", "POST"])])
    with served(app) as url:
        settings.BTCPAY_URL = url
        settings.BTCPAY_API_KEY = "key"
        settings.BTCPAY_STORE_ID = "store"
        settings.BTCPAY_WEBHOOK_SECRET = SECRET
        yield playing


@pytest.fixture
def poor(db: None) -> Workspace:
    return WorkspaceFactory.create(points=0)


def started(workspace: Workspace, *, usd: int = 10, key: str = "client-key") -> TopUp:
    return btcpay.start(
        workspace_id=workspace.pk,
        user=None,
        amount_points=usd * USD,
        client_key=key,
        return_url="https://example.com/topup/",
    )


def test_start_makes_one_invoice_however_often_it_is_sent(poor: Workspace, server: Server) -> None:
    top_up = started(poor)
    assert started(poor).pk == top_up.pk
    made = [told for method, _, told in server.asked if method == "POST"]
    assert made == [
        {
            "amount": "10.00",
            "currency": "USD",
            "metadata": {"orderId": str(top_up.pk), "itemDesc": "Modelyard credits"},
            "checkout": {
                "redirectURL": f"https://example.com/topup/{top_up.pk}",
                "expirationMinutes": 60,
            },
        }
    ]
    assert top_up.pay_url == "https://btcpay.example/i/KFwu5EeNDLdSLGJWeKTGLN"


def test_answer_that_was_lost_makes_no_second_invoice(poor: Workspace, server: Server) -> None:
    server.dies_after_making = True
    with pytest.raises(btcpay.BtcpayUnavailable):
        started(poor)
    server.dies_after_making = False
    top_up = started(poor)
    assert (len(server.invoices), top_up.ref) == (1, "KFwu5EeNDLdSLGJWeKTGLN")


def test_settled_payment_is_credited_once(poor: Workspace, server: Server) -> None:
    top_up = started(poor)
    server.become("Settled", methods="payment_methods_settled")
    for _ in range(3):
        btcpay.refresh(top_up=top_up)
    # 0.00015530 BTC at 64392.23 are $10.000113…
    assert paid(poor) == [100_001_133]
    assert (state(top_up), balance(poor)) == ((TopUp.State.CREDITED, ""), (100_001_133, 0))
    made = Payment.objects.of(poor.pk).get()
    assert (made.method, made.ref) == (
        "BTC-CHAIN through BTCPay Server",
        "KFwu5EeNDLdSLGJWeKTGLN:a21f0f6c3f1b1f6f3ab9c3c1-0",
    )


@pytest.mark.parametrize(
    ("status", "additional", "expected"),
    [
        ("New", "None", TopUp.State.CREATED),
        ("Processing", "None", TopUp.State.PROCESSING),
        ("Expired", "None", TopUp.State.EXPIRED),
        ("Invalid", "None", TopUp.State.FAILED),
    ],
)
def test_unpaid_invoice_credits_nothing(
    poor: Workspace, server: Server, status: str, additional: str, expected: str
) -> None:
    top_up = started(poor)
    server.become(status, additional)
    btcpay.refresh(top_up=top_up)
    assert (state(top_up)[0], balance(poor)) == (expected, (0, 0))


def test_partial_payment_is_credited_and_told(poor: Workspace, server: Server) -> None:
    top_up = started(poor, usd=20)
    server.become("Expired", "PaidPartial", "payment_methods_settled")
    btcpay.refresh(top_up=top_up)
    assert balance(poor) == (100_001_133, 0)
    assert state(top_up) == (
        TopUp.State.EXPIRED,
        "Received $10.0001133 of $20.00; it is credited.",
    )


def test_late_and_second_payment_are_credited(poor: Workspace, server: Server) -> None:
    top_up = started(poor)
    server.become("Expired", "PaidLate", "payment_methods_settled")
    btcpay.refresh(top_up=top_up)
    second = deepcopy(server.methods[0]["payments"][0]) | {"id": "second-1"}
    server.methods[0]["payments"].append(second)
    server.become("Settled", "PaidOver")
    btcpay.refresh(top_up=top_up)
    assert paid(poor) == [100_001_133, 100_001_133]
    assert state(top_up)[0] == TopUp.State.CREDITED


def test_payment_that_is_called_invalid_later_is_taken_back_and_may_return(
    poor: Workspace, server: Server
) -> None:
    top_up = started(poor)
    server.become("Settled", methods="payment_methods_settled")
    btcpay.refresh(top_up=top_up)
    server.methods[0]["payments"][0]["status"] = "Invalid"
    server.become("Invalid", "Marked")
    btcpay.refresh(top_up=top_up)
    assert (balance(poor), state(top_up)[0]) == ((0, 0), TopUp.State.FAILED)
    server.methods[0]["payments"][0]["status"] = "Settled"
    server.become("Settled")
    btcpay.refresh(top_up=top_up)
    assert (paid(poor), balance(poor)) == ([100_001_133], (100_001_133, 0))


@pytest.mark.parametrize(
    "change",
    [{"currency": "EUR"}, {"amount": "11.00"}, {"storeId": "other"}, {"metadata": {}}],
)
def test_invoice_that_was_changed_is_not_credited(
    poor: Workspace, server: Server, change: dict[str, Any]
) -> None:
    top_up = started(poor)
    server.become("Settled", methods="payment_methods_settled")
    server.invoices[0] |= change
    with pytest.raises(btcpay.Unmatched):
        btcpay.refresh(top_up=top_up)
    assert balance(poor) == (0, 0)


def test_invoice_marked_by_hand_is_for_the_operator(poor: Workspace, server: Server) -> None:
    top_up = started(poor)
    server.become("Settled", "Marked")
    with pytest.raises(btcpay.Unmatched):
        btcpay.refresh(top_up=top_up)
    assert balance(poor) == (0, 0)


@pytest.mark.parametrize("points", [0, -10 * USD, 10 * USD + 1, 10**18])
def test_amount_that_cannot_be_is_refused(poor: Workspace, server: Server, points: int) -> None:
    with pytest.raises(InvalidRequest):
        btcpay.start(
            workspace_id=poor.pk,
            user=None,
            amount_points=points,
            client_key="client-key",
            return_url="",
        )
    assert server.asked == []


@pytest.mark.parametrize("answer", [{}, [], {"id": 5}, {"id": "x", "amount": "NaN"}])
def test_answer_we_cannot_read_is_no_answer(
    server: Server, settings: Any, answer: Any, poor: Workspace
) -> None:
    top_up = started(poor)
    server.invoices[0].clear()
    server.invoices[0]["id"] = top_up.ref
    if isinstance(answer, dict):
        server.invoices[0] |= answer | {"id": top_up.ref}
    with pytest.raises(gateway.Unavailable):
        gateway.invoice(top_up.ref)


# ------------------------------------------------------------------------------------- webhook
def _post(body: bytes, signature: str | None = None) -> int:
    made = "sha256=" + hmac.new(SECRET.encode(), body, sha256).hexdigest()
    header = made if signature is None else signature
    return (
        Client()
        .post(
            "/hooks/btcpay", body, content_type="application/json", headers={"BTCPay-Sig": header}
        )
        .status_code
    )


def test_webhook_leads_to_one_credit_however_often_it_comes(
    poor: Workspace, server: Server
) -> None:
    top_up = started(poor)
    server.become("Settled", methods="payment_methods_settled")
    event = recorded("webhook_settled")
    redelivered = event | {"deliveryId": "again", "originalDeliveryId": event["deliveryId"]}
    answers = [_post(json.dumps(one).encode()) for one in (event, event, redelivered)]
    assert answers == [200, 200, 200]
    work.work()
    assert list(InboundEvent.objects.values_list("state", flat=True)) == ["done"]
    assert (paid(poor), state(top_up)[0]) == ([100_001_133], TopUp.State.CREDITED)


def test_webhook_of_an_unknown_invoice_is_kept_unmatched(poor: Workspace, server: Server) -> None:
    server.invoices.append(recorded("invoice_new") | {"metadata": {"orderId": "somebody-else"}})
    _post(json.dumps(recorded("webhook_settled")).encode())
    work.work()
    assert InboundEvent.objects.get().state == "unmatched"


def test_webhook_while_the_server_is_away_is_looked_at_later(
    poor: Workspace, server: Server
) -> None:
    started(poor)
    server.status = 503
    _post(json.dumps(recorded("webhook_settled")).encode())
    work.work()
    event = InboundEvent.objects.get()
    assert (event.state, event.error) == ("waiting", "BTCPay Server answers HTTP 503.")


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=00", "é", "sha1=00"])
def test_webhook_that_is_not_signed_is_refused(server: Server, signature: str, db: None) -> None:
    assert _post(json.dumps(recorded("webhook_settled")).encode(), signature) == 400
    assert InboundEvent.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b'"x"', b'{"deliveryId":1,"type":2,"invoiceId":3}', b"\xff"],
)
def test_signed_nonsense_is_refused(server: Server, body: bytes, db: None) -> None:
    assert _post(body) == 400


def test_webhook_of_another_store_is_refused(server: Server, db: None) -> None:
    event = recorded("webhook_settled") | {"storeId": "another"}
    assert _post(json.dumps(event).encode()) == 400


def test_webhook_does_not_exist_without_a_secret(settings: Any, server: Server, db: None) -> None:
    settings.BTCPAY_WEBHOOK_SECRET = ""
    body = json.dumps(recorded("webhook_settled")).encode()
    empty = "sha256=" + hmac.new(b"", body, sha256).hexdigest()
    assert _post(body, empty) == 404


def test_sweep_finds_what_no_webhook_told(poor: Workspace, server: Server) -> None:
    top_up = started(poor)
    server.become("Settled", methods="payment_methods_settled")
    assert btcpay.sweep() == 0
    TopUp.objects.of(poor.pk).update(next_at="2026-01-01T00:00:00Z")
    assert btcpay.sweep() == 1
    assert (paid(poor), state(top_up)[0]) == ([100_001_133], TopUp.State.CREDITED)
