"""`manage.py pool`: the operator's accounts at providers, from a terminal.

A credential is read from POOL_CREDENTIAL or from the standard input, never from an argument, which other users of the
machine and the shell's history would see.
"""

import getpass
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import time
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from apps.byoa.models import Weight
from apps.byoa.selectors import Overview, pool_overview
from apps.byoa.services import accounts, checks
from apps.core.errors import DomainError
from apps.providers.base import ProviderError

_NONE = "none"


class Command(BaseCommand):
    help = "Accounts at providers that serve everybody's tasks: add, list, set, pause, resume, check, remove."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="add an account")
        add.add_argument("--provider", required=True)
        add.add_argument("--json", action="store_true", help='print {"id": …}')
        _add_terms(add, is_new=True)
        listing = verbs.add_parser("list", help="what there is and how it goes")
        listing.add_argument("--json", action="store_true")
        change = verbs.add_parser("set", help="change an account")
        change.add_argument("id", type=int)
        change.add_argument(
            "--credential", action="store_true", help="read another credential (see above)"
        )
        _add_terms(change, is_new=False)
        for verb, what in (
            ("pause", "take no new tasks"),
            ("resume", "take new tasks again"),
            ("check", "ask the provider whether it works; ends a captcha or a ban"),
            ("remove", "delete it and its credential"),
        ):
            verbs.add_parser(verb, help=what).add_argument("id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except DomainError as error:
            raise CommandError(error.message) from None
        except ProviderError as error:
            raise CommandError(f"The provider says: {error}") from None

    def _add(self, options: dict[str, Any]) -> None:
        terms = accounts.Terms(**{"base_url": "", **_given(options)})
        provider = options["provider"]
        access = accounts.checked_access(
            provider=provider, terms=terms, credential=_credential(self.stdin_is_terminal())
        )
        if options["check"]:
            self._say(checks.ask(provider=provider, access=access).sentence, options)
        made = accounts.add_account(provider=provider, terms=terms, credential=access.credential)
        if options["json"]:
            self.stdout.write(orjson.dumps({"id": made.pk}).decode())
        else:
            self.stdout.write(f"Added account {made.pk}: {made.label}.")

    def _set(self, options: dict[str, Any]) -> None:
        values = _given(options)
        if options["credential"]:
            values["credential"] = _credential(self.stdin_is_terminal())
        if not values and not options["check"]:
            raise CommandError("Say what to change.")
        accounts.change(account_id=options["id"], **values)
        if options["check"]:
            self._check(options)
        self.stdout.write(f"Changed account {options['id']}.")

    def _list(self, options: dict[str, Any]) -> None:
        found = pool_overview()
        if options["json"]:
            self.stdout.write(orjson.dumps([one.as_json() for one in found]).decode())
            return
        for one in found:
            self.stdout.write(_line(one))
        if not found:
            self.stdout.write("No accounts. Add one with `manage.py pool add`.")

    def _pause(self, options: dict[str, Any]) -> None:
        accounts.pause(account_id=options["id"])
        self.stdout.write(f"Account {options['id']} takes no new tasks.")

    def _resume(self, options: dict[str, Any]) -> None:
        accounts.resume(account_id=options["id"])
        self.stdout.write(f"Account {options['id']} takes new tasks as far as its status allows.")

    def _check(self, options: dict[str, Any]) -> None:
        self._say(checks.check_now(account_id=options["id"]), options)

    def _remove(self, options: dict[str, Any]) -> None:
        accounts.remove(account_id=options["id"])
        self.stdout.write(f"Removed account {options['id']} and its credential.")

    def _say(self, sentence: str, options: dict[str, Any]) -> None:
        # With --json the last line alone is the result; this goes where a person looks.
        stream = self.stderr if options.get("json") else self.stdout
        stream.write(sentence)

    def stdin_is_terminal(self) -> bool:
        return sys.stdin is not None and sys.stdin.isatty()


def _add_terms(parser: ArgumentParser, *, is_new: bool) -> None:
    parser.add_argument("--label", required=is_new, help="your own name for it")
    parser.add_argument(
        "--base-url",
        default=None,
        help="where its server is; left out: its provider's own address, if it has one",
    )
    parser.add_argument("--slots", type=int, help="tasks at once (10)")
    parser.add_argument(
        "--weight", choices=Weight.values, help="share of new tasks, 1 : 2 : 4 (mid)"
    )
    parser.add_argument("--families", type=_names, help="what it serves: a,b; all if not given")
    parser.add_argument("--rpm", type=_number, help="new tasks a minute, or none")
    parser.add_argument("--daily-cap", type=_number, help="new tasks a day (UTC), or none")
    parser.add_argument(
        "--active", type=_period, help="hours for new tasks: 08:00-20:00, or always"
    )
    parser.add_argument("--time-zone", help="of --active, e.g. Europe/Berlin (UTC)")
    parser.add_argument("--config", type=_config, help="the adapter's own options, a JSON object")
    parser.add_argument("--check", action="store_true", help="ask the provider whether it works")


_DIRECT = ("label", "base_url", "slots", "weight", "families", "time_zone", "config")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The terms that were named on the command line."""
    values = {name: options[name] for name in _DIRECT if options[name] is not None}
    for option, name in (("rpm", "requests_per_minute"), ("daily_cap", "daily_cap")):
        if options[option] is not None:
            values[name] = None if options[option] == _NONE else options[option]
    if options["active"] is not None:
        values["active_from"], values["active_to"] = options["active"]
    return values


def _credential(is_terminal: bool) -> str:
    if (given := os.environ.get("POOL_CREDENTIAL")) is not None:
        return given
    if is_terminal:
        return getpass.getpass("Credential (is not shown): ")
    return sys.stdin.readline() if sys.stdin is not None else ""


# ----------------------------------------------------------------------- reading arguments
def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _number(text: str) -> int | str:
    if text == _NONE:
        return _NONE
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError("a number, or none") from None


def _period(text: str) -> tuple[time | None, time | None]:
    if text == "always":
        return None, None
    try:
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        raise ArgumentTypeError("two times such as 08:00-20:00, or always") from None
    return start, end


def _config(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise ArgumentTypeError("a JSON object")
    return found


def _line(one: Overview) -> str:
    account = one.account
    state = "paused, " if account.is_paused else ""
    cap = f"/{account.daily_cap}" if account.daily_cap else ""
    line = (
        f"{account.pk:>4}  {account.label} ({account.provider}, {account.weight}): {state}{account.status}, "
        f"{one.in_use}/{account.slots} slots, {one.today}{cap} today, {account.base_url}"
    )
    return f"{line}\n      {account.status_reason}" if account.status_reason else line
