"""`python -m config.bootstrap`: brings a database to where the processes can start.

Migrations, catalog and demo in one process, because importing everything is what takes
the time. Prints a line for each step; the last line is the demo's JSON. Safe to repeat.
"""

import os

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(_migrate(), flush=True)
    call_command("load_catalog")
    call_command("demo", "--json")


def _migrate() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return "Database is up to date."
    call_command("migrate", interactive=False, verbosity=0)
    return f"Database has {len(missing)} new migrations."


if __name__ == "__main__":
    main()
