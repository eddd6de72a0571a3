"""For machines that watch the installation."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from prometheus_client import REGISTRY as PROCESS_REGISTRY

from apps.core.addresses import client_ip
from apps.ops import health, policies
from apps.ops.state_metrics import STATE


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers. Asks nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations, Valkey and workers are well, else 503 with what is not; and what is late."""
    checks = health.readiness()
    ready = all(check.ok for check in checks.values())
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {
            name: {"ok": check.ok} | ({"detail": check.detail} if check.detail else {})
            for name, check in checks.items()
        },
        # These want a look and are no reason to send this process no requests.
        "warnings": health.warnings(),
    }
    return JsonResponse(body, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for addresses that METRICS_ALLOW names."""
    peer = request.META.get("REMOTE_ADDR", "")
    if not policies.may_read_metrics(peer=peer, caller=client_ip(request.META)):
        return HttpResponse("Not found.", status=404, content_type="text/plain")
    text = generate_latest(_registry()) + generate_latest(_state())
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """All processes' numbers when PROMETHEUS_MULTIPROC_DIR is set, else this one's."""
    registry = CollectorRegistry()
    try:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:
        return PROCESS_REGISTRY
    return registry


def _state() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(STATE)
    return registry
