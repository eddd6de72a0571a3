"""What Prometheus sees at /metrics. Labels are bounded: routes, statuses, families; never ids or customers."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "modelyard_requests_total", "Requests by route and status", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram("modelyard_request_seconds", "Time to answer", ["route"])
STREAMS = Gauge("modelyard_streams", "Event streams that are open in this process")
TASKS_CREATED = Counter("modelyard_tasks_created_total", "Tasks accepted", ["family"])
TASKS_ENDED = Counter("modelyard_tasks_ended_total", "Tasks ended", ["family", "status"])
TASK_SECONDS = Histogram(
    "modelyard_task_seconds",
    "From start to end of a task",
    ["family"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600),
)
LLM_CALLS = Counter(
    "modelyard_llm_attempts_total",
    "Attempts to answer calls of language models, by how they ended",
    ["operation", "end"],
)
LLM_TOKENS = Counter("modelyard_llm_tokens_total", "Tokens read and written", ["direction"])
LLM_FIRST_SECONDS = Histogram(
    "modelyard_llm_first_seconds",
    "From asking a provider to the first piece of its answer",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
DELIVERIES = Counter(
    "modelyard_deliveries_total",
    "Attempts to deliver an event, by what became of it",
    ["outcome"],
)
DELIVERY_DELAY_SECONDS = Histogram(
    "modelyard_delivery_delay_seconds",
    "From an event to the first attempt to deliver it",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600),
)
