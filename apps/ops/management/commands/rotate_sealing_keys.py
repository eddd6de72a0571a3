"""`manage.py rotate_sealing_keys`: seal every stored secret with the first key of SEALING_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.ops import sealed


class Command(BaseCommand):
    help = (
        "Seal every stored secret with the first key of SEALING_KEYS. When it says that all are, the other keys can "
        "be removed. It can be stopped and run again, while the platform works."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        problems = 0
        for column in sealed.COLUMNS:
            done = sealed.rotate(column, report=lambda count: self._progress(count, options))
            self.stdout.write(f"{column}: {done.values} values, {done.resealed} sealed anew.")
            if done.lost:
                shown = ", ".join(done.lost[:20])
                self.stderr.write(f"{column}: no key opens {len(done.lost)} of them: {shown}")
            if done.left > 0:
                self.stderr.write(f"{column}: {done.left} were being worked on; run this again.")
            problems += len(done.lost) + max(done.left, 0)
        if problems:
            raise CommandError("Keep the old keys: not every value is sealed with the first one.")
        self.stdout.write("Every stored secret is sealed with the first key of SEALING_KEYS.")

    def _progress(self, count: int, options: dict[str, Any]) -> None:
        if options["verbosity"] > 1:
            self.stdout.write(f"  {count} …")
