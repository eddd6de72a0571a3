"""HTML without a template engine: everything is escaped unless it was made here."""

from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.sandbox.stripe.errors import Thing

_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_EMPTY_ELEMENTS = {"input", "link", "meta", "br", "hr"}
_MAX_FORM = 10_000


class Markup(str):
    """Escaped already."""

    __slots__ = ()


def el(tag: str, *children: Any, **attributes: Any) -> Markup:
    """`class_` and `for_` for those names; None leaves an attribute out, True writes only its name."""
    shown = "".join(
        f" {_name(name)}" if value is True else f' {_name(name)}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value not in (None, False)
    )
    if tag in _EMPTY_ELEMENTS:
        return Markup(f"<{tag}{shown}>")
    return Markup(f"<{tag}{shown}>{join(children)}</{tag}>")


def join(children: Any) -> Markup:
    return Markup(
        "".join(
            one if isinstance(one, Markup) else escape(str(one))
            for one in children
            if one is not None
        )
    )


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def page(
    root: str, title: str, *body: Any, refresh: str = "", status: int = 200, wide: bool = False
) -> HTMLResponse:
    """A whole page; `root` is the path under which this server is mounted, `refresh` an address to go on to."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="refresh", content=f"0;url={refresh}") if refresh else None,
        el("title", f"{title} · test payments"),
        el("link", rel="stylesheet", href=f"{root}/style.css"),
    )
    strip = el("header", "Test payments: no money moves", class_="strip")
    main = el("main", el("h1", title), *body, class_="wide" if wide else None)
    text = "<!doctype html>" + el("html", head, el("body", strip, main), lang="en")
    return HTMLResponse(
        text,
        status,
        {
            "content-security-policy": _POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        },
    )


def button(
    action: str, text: str, *, quiet: bool = False, label: str = "", **fields: str
) -> Markup:
    """A form of one button; `label` tells it from others of the same text."""
    hidden = [el("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    return el(
        "form",
        *hidden,
        el("button", text, class_="quiet" if quiet else None, aria_label=label or None),
        method="post",
        action=action,
        class_="inline",
    )


def table(head: list[str], rows: list[list[Any]], *, empty: str) -> Markup:
    if not rows:
        return el("p", empty, class_="muted")
    top = el("thead", el("tr", *[el("th", text, scope="col") for text in head]))
    body = el(
        "tbody",
        *[
            el("tr", *[el("td", cell, data_label=head[at]) for at, cell in enumerate(row)])
            for row in rows
        ],
    )
    return el("table", top, body)


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def card_name(method: Thing | None) -> str:
    if method is None:
        return "no card"
    details = method.get(method["type"], {})
    return f"{str(details.get('brand', 'bank account')).title()} ending in {details.get('last4', '????')}"


async def form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises ValueError when it is another site's or too big."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ValueError("This form was sent by another site.")
    body = await request.body()
    if len(body) > _MAX_FORM:
        raise ValueError("This form is too big.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=50))


def back(address: str) -> Response:
    """After a form: to a page of ours, so that the browser's form-action never meets another site."""
    return RedirectResponse(address, 303)


def path_of(url: str) -> str:
    """The path of an address, without its last slash."""
    return urlsplit(url).path.rstrip("/")
