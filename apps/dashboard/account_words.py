"""What the domain says of own accounts and webhooks, in the language of whoever reads it.

Its sentences are made in English, in jobs and for the API, and some are stored: notices, histories, attempts. So they
are known again by their wording here. One that is not known stays in English, as what a provider said itself does.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from django.conf import settings
from django.utils import dateformat
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

# ----------------------------------------------------------------------------- fixed sentences
_FIXED = frozenset(
    {
        # The states of an account, its mode and its weight.
        _("Active"),
        _("Backup"),
        _("Banned"),
        _("Captcha required"),
        _("Checking"),
        _("Invalid credentials"),
        _("No balance"),
        _("No fast hours"),
        _("Outside its active period"),
        _("Paused"),
        _("Rate limited"),
        _("Seat ended"),
        _("Setup required"),
        _("Subscription expired"),
        _("As asked"),
        _("Fast"),
        _("Relax"),
        _("High"),
        _("Low"),
        _("Mid"),
        # How a delivery stands.
        _("Delivered"),
        _("Failed"),
        _("Stopped"),
        _("Waiting"),
        # The kinds of accounts.
        _("Another server with this API"),
        _("Midjourney bridge"),
        _("OpenAI or compatible"),
        _("Any server that speaks this API runs your tasks, on its account."),
        _("Captions and lyrics by Claude, on your account at Anthropic."),
        _("Captions, lyrics and pictures by Gemini, on your account at Google."),
        _("Captions, lyrics and pictures by OpenAI, or by any server that speaks its interface."),
        _(
            "Your own server with the midjourney-proxy interface runs Midjourney tasks on your subscription."
        ),
        _("API key"),
        _("API secret"),
        _("A key of the Gemini API, from Google AI Studio."),
        _("A key of your project, with access to the models you use."),
        _("A key of your workspace in Anthropic's console."),
        _("A key of your workspace there, with the right to create tasks."),
        _(
            "The bridge's own secret (mj-api-secret). Never a Discord or Midjourney token, cookie or password."
        ),
        _("Empty, unless a gateway of your own stands in between."),
        _(
            "Empty for OpenAI itself; else where the interface is, such as https://llm.example.com/v1"
        ),
        _("Where its API is, without /api/v1: https://api.example.com"),
        _("Where the bridge is, without /mj: https://bridge.example.com"),
        # A state in a sentence, and what comes next.
        _("Takes tasks."),
        _("Resting until its period begins (your setting)."),
        _("Waits until no active account can serve."),
        _("You paused it; follow-ups of its tasks still run."),
        _("Fast hours are used up; it takes relax tasks only."),
        _("Fast hours are used up; its plan has no relax time."),
        _("The provider asked to slow down; again at the end of it, by itself."),
        _("The provider wants to see a person."),
        _("The provider has blocked it."),
        _("The sign-in was refused."),
        _("The account has no balance left."),
        _("It is not set up for use."),
        _("Its seat has ended; it takes no tasks. Its credential was deleted."),
        _(
            "Its seat has ended; it takes no tasks. Its credential is kept for a while, in case a seat comes back."
        ),
        _("Change the period"),
        _("Start"),
        _("Buy fast hours at the provider, then check"),
        _("Solve it in your own account, then say: I solved it"),
        _("Settle it there, then check"),
        _("Renew it there, then check"),
        _("Replace the credential"),
        _("Pay in there, then check"),
        _("Put that right, then check"),
        _("Rent a seat"),
        # The checklist: titles, findings, and what to do.
        _("Provider can be reached"),
        _("Credential accepted"),
        _("Provider's plan valid"),
        _("No captcha"),
        _("Not blocked"),
        _("Fast or relax time left"),
        _("Seat paid"),
        _("Started"),
        _("Inside its active period"),
        _("Below its daily cap"),
        _("A slot is free"),
        _("Family is private"),
        _("Last tasks"),
        _("It answers."),
        _("The provider knows it."),
        _("The provider lets it work."),
        _("None is asked for."),
        _("It is not."),
        _("Not asked: it has no seat."),
        _("Cannot be told until then."),
        _("This family knows no fast and relax time."),
        _("It takes relax tasks."),
        _("Its plan has no relax time."),
        _("The fast hours are used up. It takes relax tasks."),
        _("The fast hours are used up. Its plan has no relax time."),
        _("You have set it to relax. It takes relax tasks."),
        _("You have set it to relax. Its plan has no relax time."),
        _("It sits on a seat."),
        _("The seat has ended. Its credential was deleted."),
        _("You paused it. Follow-ups of its tasks still run."),
        _("It is a backup, and waits until no other account can serve."),
        _("It rests because of failures, and is tried again by itself."),
        _("It is in use."),
        _("It has none: it takes tasks all day."),
        _("Tasks run on own accounts unless they ask otherwise."),
        _("Only tasks that ask for the private pool come here."),
        _("None has ended here yet."),
        _("Pay in at the provider, then check again."),
        _("Renew the plan at the provider, then check again."),
        _("Put that right there or in the settings here, then check again."),
        _("Solve it in your own account there, then check again."),
        _("Settle it with the provider, then check again."),
        _("Replace the credential."),
        _("See that its address is right and its server runs, then check again."),
        _("Buy fast hours at the provider, then check again."),
        _("Set its mode to fast."),
        _("Rent a seat."),
        _("Start it."),
        _("Wait, or change the period."),
        _("Wait for the next day (UTC), or raise the cap."),
        _("Wait, or give it more slots where the provider allows more at once."),
        _('Turn the family to private, or send "service_mode": "private" with a task.'),
        _("Send a task to try it."),
        _("See why they failed."),
        # What a check came to.
        _("It works."),
        _("It works, but has no fast hours left."),
        _("The bridge takes the secret; it does not tell plan or hours."),
        _("Its seat has ended. Rent a seat first."),
        # An account's history.
        _("Added."),
        _("Connected."),
        _("Paused."),
        _("Resumed."),
        _("It has fast hours again."),
        _("It was given another credential."),
        _("Its credential was deleted while it had no seat. Give it again."),
        _("Its credential was deleted: it was too long without a seat."),
        _("Its owner says that it has fast hours again."),
        _("Its seat has ended."),
        _("No active account has fast hours."),
        _("No other account is active."),
        _("The provider says that no fast hours are left."),
        _("The seat is back."),
        # Kinds of failures in an account's report.
        _("failed"),
        _("late"),
        _("moderated"),
        _("output unavailable"),
        _("timeout"),
        _("turned down"),
        # Why an account takes no tasks, inside a sentence.
        _("banned"),
        _("captcha required"),
        _("invalid credentials"),
        _("no balance"),
        _("setup required"),
        _("subscription expired"),
        # Notices.
        _("No Midjourney account of this workspace takes tasks now."),
        _("The workspace has used up its credits."),
        # Attempts of webhooks.
        _("Not sent: the endpoint was paused or deleted."),
        _("The URL cannot be fetched."),
        _("The URL leads to an address that is not on the open internet."),
        _("The URL's server cannot be reached."),
        _("The URL's server did not answer in time."),
        _("The answer broke off."),
        _("The webhook secret can no longer be read, so nothing was sent."),
    }
)

# --------------------------------------------------------------------- sentences with values
# The first that fits counts, so the more particular ones come first.
_WITH_VALUES = (
    _("{sentence} It said: “{said}”"),
    _("Takes tasks. {busy} of {slots} slots busy."),
    _("Being checked since {clock}; that usually takes 20 s."),
    _("Resting until {date} (your setting)."),
    _("The provider asked to slow down; again at {clock}, by itself."),
    _("The provider has blocked it until {date}, when it returns by itself."),
    _("The provider's plan ended {date}."),
    _("Plan {plan}, balance {balance}."),
    _("Plan {plan}."),
    _("{hours} fast hours left. It takes relax tasks."),
    _("{hours} fast hours left. Its plan has no relax time."),
    _("The seat has ended. Its credential is kept until {day}."),
    _("It works {start} to {end}, {zone}."),
    _("It has none. {count} tasks today (UTC)."),
    _("{count} of {cap} today (UTC)."),
    _("{busy} of {slots} are busy."),
    _("In the hour from {hour} (UTC) {succeeded} of {attempts} went well."),
    _("The provider says: {said}"),
    _("The key is accepted; {count} models are listed."),
    _("Activated as a backup: {reason}"),
    _("Paused by the operator: {said}"),
    _("Relax task {number} of today: above {threshold} a day they cost double."),
    _("Incorrect prompt {number} of today: more than {threshold} a day have consequences."),
    _("Incorrect task {number} of today: above {threshold} a day the held amount is kept."),
    _("The webhook endpoint at {host} works again."),
    _(
        "The webhook endpoint at {host} has failed {count} time in a row ({reason})."
        " Events are tried again for up to 5 days and then kept for replay."
    ),
    _(
        "The webhook endpoint at {host} has failed {count} times in a row ({reason})."
        " Events are tried again for up to 5 days and then kept for replay."
    ),
    _(
        "The webhook endpoint at {host} has failed for {days} days and was switched off."
        " Its events are kept for replay for 30 days."
    ),
    _("The provider has blocked {name}."),
    _("The provider's subscription of {name} has ended."),
    _(
        "The provider wants to see a person behind {name}: solve the captcha there, then say so here."
    ),
    _("No own account could take a {family} task; it went to pay-per-use."),
    _("Backup accounts take tasks from now on: {names}."),
    _(
        "There is no seat any more for: {names}. They take no tasks; their credentials are kept until {day},"
        " in case you rent the seats again."
    ),
    _("{name} has no fast hours left and takes relax tasks only."),
    _("{name} has reached its usage limit."),
    _("{name} takes no tasks: {reason}."),
    _("{name} works again."),
)
_VALUE = re.compile(r"\{(\w+)\}")


def told(text: str) -> str:
    """The sentence in the reader's language; the same where that is English, or the sentence is not known."""
    if not text or get_language() in (None, settings.LANGUAGE_CODE):
        return text
    if text in _FIXED:
        return gettext(text)
    for words, pattern in _patterns():
        if found := pattern.fullmatch(text):
            values = {name: _value(name, value) for name, value in found.groupdict().items()}
            return gettext(words).format(**values)
    return text


@cache
def _patterns() -> Sequence[tuple[str, re.Pattern[str]]]:
    return tuple((words, _pattern(words)) for words in _WITH_VALUES)


def _pattern(words: str) -> re.Pattern[str]:
    # Every other part is the name of a value.
    parts = [
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part)
        for place, part in enumerate(_VALUE.split(words))
    ]
    return re.compile("".join(parts), re.DOTALL)


def _value(name: str, value: str) -> str:
    if name == "date":
        return _date(value)
    if name == "sentence":
        return told(value)
    if name == "reason":
        # Inside a sentence it has no full stop of its own.
        full = told(f"{value}.")
        return told(value) if full == f"{value}." else full.rstrip("。")
    return value


def _date(value: str) -> str:
    """A day of an account's time zone, such as "3 Mar" or "3 Mar, 14:05", which has no year."""
    for given, words in (("%d %b, %H:%M", _("j M, H:i")), ("%d %b", _("j M"))):
        try:
            # A leap year knows every day.
            moment = datetime.strptime(f"2000 {value}", f"%Y {given}")  # noqa: DTZ007
        except ValueError:
            continue
        return dateformat.format(moment, gettext(words))
    return value
