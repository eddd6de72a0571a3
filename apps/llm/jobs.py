"""Celery entry points of LLM calls: each calls one service. All of them may run twice or at once."""

from celery import shared_task

from apps.llm.services import blocks, contents, roll_up
from apps.llm.services.conversations import files


@shared_task(name="llm.settle", ignore_result=True)
def settle() -> None:
    blocks.settle_dead()


@shared_task(name="llm.sum_up", ignore_result=True)
def sum_up() -> None:
    roll_up.sum_up()


@shared_task(name="llm.forget", ignore_result=True)
def forget() -> None:
    contents.forget()
    files.forget()
