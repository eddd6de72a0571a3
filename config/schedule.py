"""What beat starts and how often. Each is a sweep that does what is due: one that was missed costs time only."""

from typing import Any

from celery.schedules import crontab

from config import env

Entry = dict[str, Any]


def _every(seconds: int, *, queue: str = "default") -> Entry:
    # A sweep nobody took in time is worthless: the next one does the same.
    return {"schedule": seconds, "options": {"queue": queue, "expires": seconds}}


def _at(*, hour: str | int = "*", minute: int) -> Entry:
    """UTC."""
    return {"schedule": crontab(hour=hour, minute=minute), "options": {"expires": 3_600}}


_JOBS: dict[str, Entry] = {
    "tasks.dispatch": _every(2),
    "tasks.work": _every(1, queue="provider"),
    "tasks.sweep": _every(5),
    "tasks.forget": _every(600),
    "tasks.give_back_penalties": _every(300),
    "tasks.count_usage": _every(20),
    "tasks.sum_costs": _every(600),
    "tasks.sum_accounts": _every(60),
    "tasks.recount_usage": _at(hour=2, minute=23),
    "llm.settle": _every(10),
    "llm.sum_up": _every(20),
    "llm.forget": _every(600),
    "notifications.deliver": _every(2, queue="deliver"),
    "notifications.mail": _every(5, queue="deliver"),
    "notifications.endpoints": _every(30, queue="deliver"),
    "notifications.digest": _every(300, queue="deliver"),
    "notifications.forget": _every(600, queue="deliver"),
    "files.sweep": _every(60),
    "dashboard.exports": _every(600),
    "dashboard.close_workspaces": _at(minute=37),
    "byoa.heal": _every(30),
    "byoa.backups": _every(30),
    "byoa.seats": _every(60),
    "byoa.recheck": _every(60),
    "byoa.forget": _at(hour=3, minute=47),
    "byoa.look_at_suppliers": _at(hour=0, minute=7),
    "billing.events": _every(10),
    "billing.topups": _every(30),
    "billing.auto_topup": _every(15),
    "billing.watch_chains": _every(env.number("CRYPTO_POLL_SECONDS", default=10)),
    "billing.btcpay": _every(60),
    "billing.refunds": _every(60),
    "billing.dunning": _every(3_600),
    "billing.catch_up": _every(600),
    "billing.reconcile": _at(hour=4, minute=23),
    "billing.mail_invoices": _every(10),
    "billing.rewards": _every(600),
    "billing.expire": _every(600),
    "billing.fold": _at(minute=11),
    "billing.warn_expiry": _at(hour=8, minute=7),
    "billing.watch_budgets": _every(60),
    "ops.audit": _at(hour=3, minute=17),
    "ops.audit_work": _at(minute=41),
}
ENTRIES: dict[str, Entry] = {name: {"task": name, **entry} for name, entry in _JOBS.items()}
