"""What is stored in English of accounts, endpoints and work there is known again by its wording.

«…» stands for a translation: what comes back in it was found, whatever its Chinese is.
"""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from apps.accounts.models import Workspace
from apps.byoa import stored as of_accounts
from apps.byoa.models import Status
from apps.byoa.services.sentences import When
from apps.core.sentences import Sentence, sentence
from apps.dashboard import account_words
from apps.dashboard.account_words import told
from apps.notifications import stored as of_endpoints
from apps.notifications.models import Notice
from apps.providers import registry
from apps.providers.base import AccountNeedsOwner
from apps.providers.midjourney_standing import of_accounts as standing_of
from apps.tasks.models import Penalty
from apps.tasks.services import penalties
from apps.tasks.services.penalties import Beyond

_APPS = Path(settings.BASE_DIR) / "apps"
_VALUE = re.compile(r"\{\w+\}")
_STORED = [
    one
    for module in (of_accounts, of_endpoints)
    for one in vars(module).values()
    if isinstance(one, Sentence)
]


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(account_words, "gettext", lambda text: f"«{text}»")
    with translation.override("zh-hans"):
        yield


def is_known(text: str) -> bool:
    return told(text).startswith("«")


# ------------------------------------------------------------------------ what `stored` has
@pytest.mark.parametrize("pattern", _STORED)
def test_what_was_stored_is_known_with_what_went_into_it(pattern: Sentence) -> None:
    filled = _VALUE.sub("Studio 7", pattern)

    assert told(filled) == f"«{filled}»"


def test_reasons_inside_a_sentence_are_told_too() -> None:
    backup = of_accounts.BACKUP_ACTIVATED.format(reason=of_accounts.NO_OTHER_ACTIVE)
    failing = of_endpoints.FAILS.format(host="a.example", count=5, reason="Not acknowledged")

    assert told(backup) == "«Activated as a backup: «No other account is active.»»"
    assert "5 times in a row («Not acknowledged.»)" in told(failing)
    for label in Status.labels:
        stuck = of_accounts.TAKES_NO_TASKS.format(name="Studio", reason=label.lower())
        assert told(stuck) == f"«Studio takes no tasks: «{label}».»"


# -------------------------------------------------------------------- what other modules say
def texts(node: ast.AST, constants: dict[str, str]) -> list[str]:
    """What an expression says as far as it is written there, with X for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if node.value else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(_piece(one) for one in node.values)]
    if isinstance(node, ast.IfExp):
        return texts(node.body, constants) + texts(node.orelse, constants)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sentence":
        return [_VALUE.sub("X", text) for text in texts(node.args[0], constants)]
    name = getattr(node, "id", "") or getattr(node, "attr", "")
    return [constants[name]] if name in constants else []


def _piece(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "X"


def said_in(folder: str, argument: Callable[[ast.Call], ast.AST | None]) -> Iterator[str]:
    """The texts of this argument of each call in a folder."""
    trees = [ast.parse(path.read_text()) for path in sorted((_APPS / folder).rglob("*.py"))]
    constants = {
        target.id: node.value.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    for tree in trees:
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and (found := argument(call)) is not None:
                yield from texts(found, constants)


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def _first_of(*names: str) -> Callable[[ast.Call], ast.AST | None]:
    return lambda call: call.args[0] if _name(call) in names and call.args else None


def _stores(call: ast.Call) -> ast.AST | None:
    """A line of a history, the reason of a status, or the message of a notice."""
    if _name(call) == "note" and len(call.args) == 2:
        return call.args[1]
    named = {"tell": "message", "write": "reason", "park": "reason", "out_of_fast": "reason"}
    keywords = {one.arg: one.value for one in call.keywords}
    return keywords.get(named.get(_name(call), ""))


@pytest.mark.parametrize("app", ["accounts", "billing", "byoa", "llm", "notifications", "tasks"])
def test_what_is_stored_without_a_name_is_known(app: str) -> None:
    assert [text for text in said_in(app, _stores) if not is_known(text)] == []


def test_the_look_for_what_is_stored_finds_something() -> None:
    assert list(said_in("billing", _stores)) == ["The workspace has used up its credits."]


def test_what_goes_wrong_on_the_wire_is_known() -> None:
    found = list(said_in("core/egress", _first_of("EgressError", "Refused", "NoAnswer")))

    assert "The URL's server did not answer in time." in found
    assert [text for text in found if not is_known(text)] == []


def test_what_adapters_say_of_accounts_is_known() -> None:
    named = _first_of("Standing", "AccountNeedsOwner", "BadCredentials")
    found = list(said_in("providers", named))

    assert len(found) > 5
    assert [text for text in found if not is_known(text)] == []


@pytest.mark.parametrize("name", registry.names())
def test_kinds_of_accounts_are_known(name: str) -> None:
    kind = registry.adapter(name)
    words = [kind.summary, kind.credential_label, kind.credential_help, kind.base_url_help]
    # A name of somebody else's is the same everywhere.
    words += [kind.title] if kind.title not in ("Anthropic", "Google Gemini") else []

    assert [text for text in words if text and not is_known(text)] == []


@pytest.mark.parametrize(
    "account",
    [
        {},
        {"subscribePlan": "pro"},
        {"fastTimeRemaining": "3.5"},
        {"subscribePlan": "pro", "fastTimeRemaining": "3.5"},
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_what_a_bridge_tells_of_its_accounts_is_known(account: dict[str, str], count: int) -> None:
    standing = standing_of([account] * count, config={})

    assert told(standing.sentence) == f"«{standing.sentence}»"


@pytest.mark.parametrize("account", [{"lock": True}, {"enable": False}])
def test_why_a_bridge_has_none_is_known(account: dict[str, bool]) -> None:
    with pytest.raises(AccountNeedsOwner) as caught:
        standing_of([account], config={})

    assert is_known(str(caught.value))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "points"), [(Penalty.Kind.RELAX, 0), (Penalty.Kind.ERROR, 0), (Penalty.Kind.ERROR, 7)]
)
def test_penalties_are_known(workspace: Workspace, kind: str, points: int) -> None:
    penalties.tell(
        [Beyond(workspace.pk, None, kind, date(2026, 3, 3), number=11, threshold=10, points=points)]
    )

    message = Notice.objects.of(workspace.pk).get().message
    assert told(message) == f"«{message}»"


# -------------------------------------------------------------- sentences with their pattern
def test_a_sentence_of_a_card_is_told_with_what_is_in_it() -> None:
    until = When(datetime(2026, 3, 3, 14, 5, tzinfo=UTC))
    blocked = sentence("Blocked until {date}.", date=until)
    whole = sentence("{sentence} It said: “{said}”", sentence=blocked, said="It works again.")

    assert whole == "Blocked until 3 Mar, 14:05. It said: “It works again.”"
    assert told(whole) == "««Blocked until «3 三月, 14:05».» It said: “«It works again.»”»"


def test_what_others_say_stays() -> None:
    assert told("No such customer.") == "No such customer."
    assert told("") == ""


def test_english_stays_english() -> None:
    with translation.override("en"):
        assert told("It works again.") == "It works again."
