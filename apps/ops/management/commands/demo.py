"""`manage.py demo`: a workspace with credits and a key, for trying things."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Plan
from apps.core.money import format_usd
from apps.ops import demo


class Command(BaseCommand):
    help = "Make (or show again) a demo workspace with credits and an API key. Not for a public installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print the result as JSON, as the last line"
        )
        parser.add_argument(
            "--workspace", default=demo.NAME, help="name of the workspace (default: Demo)"
        )
        parser.add_argument(
            "--points", type=int, help="set the available balance to exactly so many points"
        )
        parser.add_argument(
            "--plan",
            choices=Plan.values,
            help="with this plan's limits (default: Premium without a limit on tasks at once)",
        )
        parser.add_argument(
            "--concurrency", type=int, help="tasks at once per family, instead of the plan's"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        points = options["points"]
        if points is not None and not 0 <= points <= 10**15:
            raise CommandError("--points must be a whole number from 0 to 10^15.")
        concurrency = options["concurrency"]
        if concurrency is not None and not 0 <= concurrency <= 10**6:
            raise CommandError("--concurrency must be a whole number from 0 to 10^6.")
        made = demo.ensure(
            name=options["workspace"], points=points, plan=options["plan"], concurrency=concurrency
        )
        if options["json"]:
            self.stdout.write(demo.as_json(made))
            return
        for label, value in (
            ("Dashboard", f"{made.base_url}/w/{made.workspace}/"),
            ("E-mail", made.email),
            ("Password", made.password),
            ("API key", made.api_key),
        ):
            self.stdout.write(f"{label:10} {value}")
        if points is not None:
            self.stdout.write(f"{'Balance':10} {format_usd(points)}")
