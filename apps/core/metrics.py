"""What Prometheus sees at /metrics. Labels are bounded: routes, statuses, families; never ids or customers."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "modelyard_requests_total", "Requests by route and status", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram("modelyard_request_seconds", "Time to answer", ["route"])
TASKS_CREATED = Counter("modelyard_tasks_created_total", "Tasks accepted", ["family"])
TASKS_ENDED = Counter("modelyard_tasks_ended_total", "Tasks ended", ["family", "status"])
TASK_SECONDS = Histogram(
    "modelyard_task_seconds",
    "From start to end of a task",
    ["family"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600),
)
