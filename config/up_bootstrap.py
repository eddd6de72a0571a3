"""Loads the platform into this process, and brings the database to where it can start."""

import gc
import json
import multiprocessing
import os
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from io import StringIO
from multiprocessing.connection import Connection
from signal import SIGKILL
from typing import TypedDict

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config.supervisor import die_with_parent

_WITH_ALL_PROCESSES = (
    "config.asgi",
    "config.urls",  # for the workers too: Celery runs Django's checks, which read it
    "config.up_web",
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.apps.beat",
    "celery.concurrency.prefork",
)


class Demo(TypedDict):
    """What `manage.py demo --json` prints."""

    base_url: str
    api_key: str
    workspace: str
    email: str
    password: str


class Unprepared(Exception):
    """The database cannot be used; the message is a sentence, `traceback` the whole story."""

    def __init__(self, sentence: str, story: str) -> None:
        super().__init__(sentence)
        self.traceback = story


def load() -> None:
    """Import everything that the processes need, so that they can be forked from here.

    The environment must be complete, since the settings are read now. No connection is
    opened: two processes would share it.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Where static files are not collected there is no folder of them.
    warnings.filterwarnings("ignore", "No directory at", UserWarning)
    django.setup()
    if settings.STATIC_COLLECTED:
        # Before the web application is loaded: that looks into the folder once.
        call_command("collectstatic", interactive=False, verbosity=0)
    for module in _WITH_ALL_PROCESSES:
        import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, every page


def prepare(*, say: Callable[[str], None]) -> Demo:
    """Migrations, catalog, demo workspace, after `load()`. Safe to repeat.

    Works in a child, whose memory and connections go with it. Raises `Unprepared`.
    """
    ours, its = multiprocessing.Pipe(duplex=False)
    settle = die_with_parent(SIGKILL)
    child = multiprocessing.get_context("fork").Process(target=_prepare, args=(settle, its))
    child.start()
    its.close()
    try:
        while True:
            kind, *content = ours.recv()
            if kind == "demo":
                demo: Demo = content[0]
                return demo
            if kind == "error":
                raise Unprepared(*content)
            say(content[0])
    except EOFError:
        raise Unprepared("the process that did it was killed.", "") from None
    finally:
        child.kill()
        child.join()


def _prepare(settle: Callable[[], None], pipe: Connection) -> None:
    settle()
    try:
        pipe.send(("line", _migrate()))
        pipe.send(("line", _output_of("load_catalog")))
        pipe.send(("demo", json.loads(_output_of("demo", "--json"))))
    except Exception as error:
        sentence = " ".join(str(error).split()) or type(error).__name__
        pipe.send(("error", sentence, traceback.format_exc()))


def _migrate() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return "Database is up to date."
    call_command("migrate", interactive=False, verbosity=0)
    return f"Database has {len(missing)} new migrations."


def _output_of(command: str, *arguments: str) -> str:
    """Its last line."""
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue().strip().splitlines()[-1]
