"""What both clients share: what goes into a request, where a redirect leads, how an answer is taken."""

import re
import ssl
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

import httpx
from django.conf import settings

from apps.core.egress.guard import EgressError
from apps.core.wire import Request, Response

# Both clients normalise URLs with httpx.
InvalidURL = httpx.InvalidURL

CONNECT_SECONDS = 5

CANNOT_BE_FETCHED = "The URL cannot be fetched."
CANNOT_BE_REACHED = "The URL's server cannot be reached."
TOO_SLOW = "The URL's server did not answer in time."

_DOWNLOAD_REDIRECTS = 3
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_FOLLOWED = frozenset({"GET", "HEAD"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENDABLE = re.compile(r"[^\x21-\x7e]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True)
class Fetched:
    data: bytes
    content_type: str


@cache
def tls() -> ssl.SSLContext:
    # httpx's own: certifi's authorities, or those that SSL_CERT_FILE names. Reading them takes longer than a request.
    return httpx.create_ssl_context()


@dataclass(frozen=True)
class Hop:
    """One request on the wire. `url` is normalised by one parser, so both clients understand the same by it."""

    method: str
    url: httpx.URL = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class Exchange:
    """One request over all its hops, and how far it has come.

    `is_sent` is set by the client as soon as the other side may have got any of it, and stays.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.is_sent = False
        self._redirects_left = request.redirects

    def first_hop(self) -> Hop:
        """Raises EgressError or ValueError for a request that cannot be put on the wire."""
        request = self.request
        texts = [request.method, *request.headers]
        if not (
            all(_TOKEN.fullmatch(text) for text in texts)
            and all(_HEADER_VALUE.fullmatch(value) for value in request.headers.values())
        ):
            raise EgressError("The request has a header that cannot be sent.")
        url = _parsed(request.url)
        headers = _headers({**_url_credentials(url), **request.headers})
        return Hop(request.method.upper(), _without_credentials(url), headers, request.body)

    def next_hop(self, hop: Hop, answer: "Answer") -> Hop | None:
        """Where the answer sends us, None when it is the answer. No header of the request goes along."""
        location = answer.headers.get("location")
        is_redirect = answer.status in _REDIRECTING and location is not None
        if not (is_redirect and self.request.redirects and hop.method in _FOLLOWED):
            return None
        if not self._redirects_left:
            raise EgressError(f"The URL redirects more than {self.request.redirects} times.")
        self._redirects_left -= 1
        url = _without_credentials(_parsed(hop.url.join(location or "")))
        return Hop(hop.method, url, _headers({}))

    def answer(self, status: int, headers: Iterable[tuple[str, str]]) -> "Answer":
        return Answer(status, _joined(headers), self.request.max_bytes)


@lru_cache(maxsize=4096)
def _url(text: str) -> httpx.URL:
    """Parsing takes as long as the rest of a small request, and the same addresses are asked again and again."""
    return httpx.URL(text)


def _parsed(url: str | httpx.URL) -> httpx.URL:
    parsed = _url(url) if isinstance(url, str) else url
    is_web = parsed.scheme in {"http", "https"} and bool(parsed.host)
    if not is_web or (parsed.port or 0) > 65535:
        raise EgressError(CANNOT_BE_FETCHED)
    return parsed


def _url_credentials(url: httpx.URL) -> dict[str, str]:
    if not url.userinfo:
        return {}
    pair = b64encode(f"{url.username}:{url.password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def _without_credentials(url: httpx.URL) -> httpx.URL:
    return url.copy_with(userinfo=b"") if url.userinfo else url


def _headers(own: Mapping[str, str]) -> dict[str, str]:
    return {
        # An operator may name the site in letters that no header takes.
        "user-agent": _UNSENDABLE.sub("", settings.SITE_NAME) or "-",
        "accept": "*/*",
        **{name.lower(): value for name, value in own.items()},
        # Media is compressed already; what compresses a thousandfold is a bomb.
        "accept-encoding": "identity",
    }


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


class Answer:
    """An answer while its body comes in: at most `max_bytes` of it after decompression.

    Not the clients' decoders: they inflate a piece of any size at once, and as many layers as the server names.
    """

    def __init__(self, status: int, headers: dict[str, str], max_bytes: int) -> None:
        self.status = status
        self.headers = headers
        self._max = max_bytes
        # Not a list: a body of two-byte pieces would take twenty times its size.
        self._data = bytearray()
        self._is_begun = False
        self._inflater = _inflater(headers.get("content-encoding", ""))

    def add(self, piece: bytes) -> None:
        """Raises EgressError when it is too much, zlib.error when it is not what its header says."""
        self._is_begun = True
        if self._inflater is not None:
            piece = self._inflater.decompress(piece, self._max + 1)
        self._data += piece
        if len(self._data) > self._max:
            raise EgressError(f"The file behind the URL is larger than {_shown(self._max)}.")

    def response(self) -> Response:
        """Raises EgressError when a compressed body was cut, or something else follows it."""
        inflater = self._inflater
        if inflater is not None and self._is_begun and (not inflater.eof or inflater.unused_data):
            raise EgressError(CANNOT_BE_FETCHED)
        return Response(self.status, self.headers, bytes(self._data))


def _inflater(encoding: str) -> "zlib._Decompress | None":
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, as its header says
    raise EgressError("The URL's server compresses in a way we did not ask for.")


def _shown(size: int) -> str:
    return f"{size // 1024 // 1024} MB" if size >= 1024 * 1024 else f"{size} bytes"


class Download(Exchange):
    """A GET whose only good answer is 200."""

    def __init__(self, url: str, *, max_bytes: int, seconds: float) -> None:
        super().__init__(
            Request(
                "GET",
                url,
                timeout_seconds=seconds,
                max_bytes=max_bytes,
                redirects=_DOWNLOAD_REDIRECTS,
            )
        )

    def next_hop(self, hop: Hop, answer: Answer) -> Hop | None:
        after = super().next_hop(hop, answer)
        if after is None and answer.status != 200:
            raise EgressError(f"The URL's server answered {answer.status}.")
        return after


def fetched(response: Response) -> Fetched:
    return Fetched(response.body, response.headers.get("content-type", ""))
