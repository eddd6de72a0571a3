"""The public API. Every route is there with and without a trailing slash."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponseBase
from django.urls import URLPattern, path, re_path

from apps.api import docs
from apps.api.account.active import ActiveTasks
from apps.api.account.histories import TaskHistories
from apps.api.account.info import AccountInfo
from apps.api.account.redeem import RedeemCode
from apps.api.account.transactions import TransactionList
from apps.api.account.usage import UsageReport
from apps.api.files.serve import serve
from apps.api.files.upload import EphemeralResource
from apps.api.hooks.btcpay import BtcpayHook
from apps.api.hooks.providers import ProviderHook
from apps.api.hooks.stripe import StripeHook
from apps.api.legacy.face_swap import FaceSwap, FaceSwapFetch
from apps.api.legacy.suno import SunoMusic, SunoMusicDetail
from apps.api.mj_v2.create import create_view
from apps.api.mj_v2.read import V2Fetch, V2MultiFetch, V2Validation
from apps.api.openapi.mj_v2 import TASK_TYPES as V2_TASK_TYPES
from apps.api.v1.models import ModelList
from apps.api.v1.quote import TaskQuote
from apps.api.v1.tasks import TaskCollection, TaskDetail, TaskList
from apps.api.v1.webhooks import DeliveryList, DeliveryReplay
from apps.api.views import UnknownRoute


def _both(route: str, view: Callable[..., HttpResponseBase], name: str) -> list[URLPattern]:
    return [path(route, view, name=name), path(f"{route}/", view, name=f"{name}-slash")]


app_name = "api"
urlpatterns: list[Any] = [
    *_both("api/v1/task", TaskCollection.as_view(), "tasks-create"),
    *_both("api/v1/task/quote", TaskQuote.as_view(), "task-quote"),
    *_both("api/v1/task/<str:task_id>", TaskDetail.as_view(), "task"),
    *_both("api/v1/tasks", TaskList.as_view(), "tasks"),
    *_both("api/v1/webhooks/deliveries", DeliveryList.as_view(), "deliveries"),
    *_both(
        "api/v1/webhooks/deliveries/<str:delivery_id>/replay",
        DeliveryReplay.as_view(),
        "delivery-replay",
    ),
    *_both("api/v1/models", ModelList.as_view(), "models"),
    *_both("api/v1/account/transactions", TransactionList.as_view(), "account-transactions"),
    *_both("api/v1/account/usage", UsageReport.as_view(), "account-usage"),
    *_both("account/info", AccountInfo.as_view(), "account-info"),
    *_both("account/active_tasks", ActiveTasks.as_view(), "account-active-tasks"),
    *_both("account/redeem", RedeemCode.as_view(), "account-redeem"),
    *_both("api/open/tasks/histories", TaskHistories.as_view(), "histories"),
    *[
        route
        for task_type in V2_TASK_TYPES
        for route in _both(f"mj/v2/{task_type}", create_view(task_type), f"mj-{task_type}")
    ],
    *_both("mj/v2/fetch", V2Fetch.as_view(), "mj-fetch"),
    *_both("mj/v2/multi_fetch", V2MultiFetch.as_view(), "mj-multi_fetch"),
    *_both("mj/v2/validation", V2Validation.as_view(), "mj-validation"),
    *_both("api/suno/v1/music", SunoMusic.as_view(), "suno-create"),
    *_both("api/suno/v1/music/<str:task_id>", SunoMusicDetail.as_view(), "suno-task"),
    *_both("api/face_swap/v1/async", FaceSwap.as_view(), "face-swap-create"),
    *_both("api/face_swap/v1/fetch", FaceSwapFetch.as_view(), "face-swap-fetch"),
    *_both("api/ephemeral_resource", EphemeralResource.as_view(), "upload"),
    *_both("hooks/providers/<str:token>", ProviderHook.as_view(), "hook-provider"),
    *_both("hooks/btcpay", BtcpayHook.as_view(), "hook-btcpay"),
    *_both("hooks/stripe", StripeHook.as_view(), "hook-stripe"),
    path("api/openapi.json", docs.openapi, name="openapi"),
    path("docs/api", docs.swagger, name="docs"),
    path("docs/api/", docs.swagger, name="docs-slash"),
    path("docs/api/redoc", docs.redoc, name="redoc"),
    path("files/<path:key>", serve, name="file"),
    re_path(r"^(?:api|account|v1|mj|hooks)(?:/.*)?$", UnknownRoute.as_view(), name="unknown"),
]
