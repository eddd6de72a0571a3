"""What the domain says of own accounts and webhooks, in the language of whoever reads it.

A sentence that is made for a page keeps its pattern. One that was stored is English text again: notices, histories,
attempts. It is known by its wording, which is that of the apps' `stored`, or below where an app has no such words or
knows no translations. One that is not known stays in English, as what a provider said itself does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import dateformat
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from apps.byoa import stored as of_accounts
from apps.byoa.models import Status
from apps.byoa.services.sentences import When
from apps.core.sentences import Sentence, said
from apps.notifications import stored as of_endpoints

# The adapters' words: kinds of accounts, what a check came to, and why an account does not work.
_OF_PROVIDERS = (
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
    _("Empty for OpenAI itself; else where the interface is, such as https://llm.example.com/v1"),
    _("Where its API is, without /api/v1: https://api.example.com"),
    _("Where the bridge is, without /mj: https://bridge.example.com"),
    _("The bridge takes the secret; it does not tell plan or hours."),
    _("The key is accepted; {count} models are listed."),
    _("The server lists {count} models; it does not tell plan or balance."),
    _("Plan {plan}, balance {balance}."),
    _("Plan unknown, balance {balance}."),
    _("Plan {plan}; the server does not tell the balance."),
    _("Plan unknown; the server does not tell the balance."),
    _("Plan {plan}, {hours} fast hours left."),
    _("Plan {plan}, fast hours unknown."),
    _("Plan unknown, {hours} fast hours left."),
    _("Plan unknown, fast hours unknown."),
    _("{count} accounts, {hours} fast hours left."),
    _("{count} accounts, fast hours unknown."),
    _("The balance at the provider is {balance}."),
    _("The bridge has no account that could work."),
    _("The bridge's account has no balance."),
    _("The bridge's account has no fast hours left."),
    _("The bridge's account has no valid subscription."),
    _("The bridge's account is banned."),
    _("The bridge's account is turned off there."),
    _("The bridge's account waits for somebody to solve a captcha."),
    _("There is no bridge at the account's address."),
    _("There can be no model called {name}."),
    _("There is no provider {name}."),
    _("The account's address is no http(s) URL."),
    _("The account's key is missing or holds characters that no key has."),
    _('This provider gets pictures inline only: take "media": "url" out of the options.'),
    _('A bridge takes pictures inline only: take "media": "url" out of the options.'),
    _("The provider's answer cannot be read."),
    _("The bridge's answer cannot be read."),
    _("The provider answered HTTP {status} without a readable reason."),
    _("The bridge answered HTTP {status} without a reason."),
)
# Why nothing came back, of deliveries and of providers.
_OF_THE_WIRE = (
    _("The URL cannot be fetched."),
    _("The URL leads to an address that is not on the open internet."),
    _("The URL must use port 80 or 443."),
    _("The URL's server answered {status}."),
    _("The URL's server cannot be reached."),
    _("The URL's server compresses in a way we did not ask for."),
    _("The URL's server did not answer in time."),
    _("The URL redirects more than {count} times."),
    _("The file behind the URL is larger than {size}."),
    _("The request has a header that cannot be sent."),
    _("The answer broke off."),
)
# Notices of billing and of tasks, and what a report counts.
_OF_OTHERS = (
    _("The workspace has used up its credits."),
    _("No own account could take a {family} task; it went to pay-per-use."),
    _("Relax task {number} of today: above {threshold} a day they cost double."),
    _("Incorrect prompt {number} of today: more than {threshold} a day have consequences."),
    _("Incorrect task {number} of today: above {threshold} a day the held amount is kept."),
    _("failed"),
    _("late"),
    _("moderated"),
    _("output unavailable"),
    _("timeout"),
    _("turned down"),
)

# Inside a sentence a status is written small.
_STATUSES = {label.lower(): label for label in Status.labels}
_VALUE = re.compile(r"\{(\w+)\}")


def told(text: str) -> str:
    """The sentence in the reader's language; the same where that is English, or the sentence is not known."""
    if not text or get_language() in (None, settings.LANGUAGE_CODE):
        return text
    if isinstance(text, Sentence):
        return _filled(text.pattern, text.values)
    fixed, patterns = _known()
    if text in fixed:
        return gettext(text)
    for words, pattern in patterns:
        if found := pattern.fullmatch(text):
            return _filled(words, found.groupdict())
    return said(text)


def _filled(words: str, values: Mapping[str, Any]) -> str:
    if not values:
        return gettext(words)
    return gettext(words).format(**{name: _value(name, one) for name, one in values.items()})


def _value(name: str, value: Any) -> Any:
    if isinstance(value, When):
        return dateformat.format(
            value.moment, gettext("j M, H:i") if value.has_clock else gettext("j M")
        )
    if name == "reason":
        return _reason(value)
    return told(value) if isinstance(value, Sentence) or name == "said" else value


def _reason(value: str) -> str:
    """Inside a sentence it has no full stop of its own."""
    if value in _STATUSES:
        return gettext(_STATUSES[value])
    full = told(f"{value}.")
    return told(value) if full == f"{value}." else full.rstrip("。")


@cache
def _known() -> tuple[frozenset[str], Sequence[tuple[str, re.Pattern[str]]]]:
    """Sentences without values, and those with values: the first that fits counts, so the longest come first."""
    known = {*_OF_PROVIDERS, *_OF_THE_WIRE, *_OF_OTHERS}
    known.update(*(_sentences(vars(module).values()) for module in (of_accounts, of_endpoints)))
    with_values = [words for words in known if _VALUE.search(words)]
    with_values.sort(key=lambda words: (len(_VALUE.sub("", words)), words), reverse=True)
    patterns = [(words, _pattern(words)) for words in with_values]
    return frozenset(known.difference(with_values)), patterns


def _sentences(values: Iterable[object]) -> list[str]:
    return [value for value in values if isinstance(value, Sentence)]


def _pattern(words: str) -> re.Pattern[str]:
    # Every other part is the name of a value.
    parts = [
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part)
        for place, part in enumerate(_VALUE.split(words))
    ]
    return re.compile("".join(parts), re.DOTALL)
