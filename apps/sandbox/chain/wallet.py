"""The page "Test wallet": plain HTML, no script."""

from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from apps.sandbox.chain.chain import Chain
from apps.sandbox.chain.settings import TOKENS

STYLE = (Path(__file__).parent / "wallet.css").read_text()
_PAGE = (Path(__file__).parent / "wallet.html").read_text()
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_WORDS = {"WRONG": "WRONG (a token nobody takes)"}


def page(chain: Chain, given: dict[str, str]) -> HTMLResponse:
    """The form, filled in with what the address says, and what came of the last one."""
    chosen = given.get("token", "USDC")
    options = "".join(
        f'<option value="{symbol}"{" selected" if symbol == chosen else ""}>'
        f"{_WORDS.get(symbol, symbol)}</option>"
        for symbol in TOKENS
    )
    html = _PAGE.format(
        amount=escape(given.get("amount", "20")),
        to=escape(given.get("to", "")),
        options=options,
        note=_note(given),
        head=chain.head,
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})


def _note(given: dict[str, str]) -> str:
    if problem := given.get("problem"):
        return f'<p class="bad" role="alert">{escape(problem)} Nothing was sent.</p>'
    if sent := given.get("sent"):
        return f'<p class="ok" role="status">Sent. Transaction <code>{escape(sent)}</code></p>'
    if depth := given.get("replaced"):
        return f'<p class="ok" role="status">The last {escape(depth)} blocks were replaced.</p>'
    return ""
