import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from apps.core import media
from apps.core.media import MediaError, Sniffed

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
PNG_TEXT = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    ("data", "content_type", "extension", "kind"),
    [
        (PNG, "image/png", "png", "image"),
        (b"\xff\xd8\xff\xe0JFIF", "image/jpeg", "jpg", "image"),
        (b"GIF89a...", "image/gif", "gif", "image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", "webp", "image"),
        (b"BM......", "image/bmp", "bmp", "image"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav", "wav", "audio"),
        (b"ID3\x04", "audio/mpeg", "mp3", "audio"),
        (b"\xff\xfb\x90", "audio/mpeg", "mp3", "audio"),
        (b"OggS", "audio/ogg", "ogg", "audio"),
        (b"fLaC", "audio/flac", "flac", "audio"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4", "m4a", "audio"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4", "mp4", "video"),
        (b"\x1aE\xdf\xa3", "video/webm", "webm", "video"),
        (b"glTF\x02", "model/gltf-binary", "glb", "model"),
    ],
)
def test_bytes_are_told_by_their_signature(
    data: bytes, content_type: str, extension: str, kind: str
):
    found = media.sniff(data)

    assert found == Sniffed(content_type, extension)
    assert found.kind == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PN",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"\x00\x00\x00\x20ftypheic",  # a photo that would pass for a film
        b"\x00\x00\x00\x20ftypavif",
        b"PK\x03\x04",
    ],
)
def test_bytes_of_other_formats_are_nothing(data: bytes):
    assert media.sniff(data) is None


@given(st.binary(max_size=40))
def test_sniffing_takes_any_bytes(data: bytes):
    found = media.sniff(data)

    assert found is None or found.kind in {"image", "audio", "video", "model"}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a.png?x=1&y=%20#z",
        "HTTPS://EXAMPLE.COM/A.PNG",
        "http://[2001:db8::1]/a",
        "https://münchen.example/ü.png",
        "https://example.com/" + "a" * (4096 - 20),
    ],
)
def test_url_is_kept_as_it_was_given(url: str):
    assert media.checked(url, kind="image") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///a.png",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "http://127.0.0.1:80\\@example.com/",
        "http://example.com:99999/",
        "http://example.com:0/",
        "http://example.com:port/",
        "http://[::1/",
        "http://exam ple.com/",
        "http://example.com/a\tb",
        "http://example.com/\r\nX-Header: 1",
        "http://example.com/\x00",
        "https://example.com/" + "a" * 4096,
    ],
)
def test_url_that_could_mislead_is_refused(url: str):
    with pytest.raises(MediaError):
        media.checked_url(url)


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "javascript"])
def test_only_http_is_a_url(scheme: str):
    with pytest.raises(MediaError):
        media.checked_url(f"{scheme}://example.com/a.png")
    with pytest.raises(MediaError):
        media.checked(f"{scheme}://example.com/a.png", kind="image")


@pytest.mark.parametrize(
    "value",
    [
        PNG_TEXT,
        f"  {PNG_TEXT}\n",
        "\n".join(PNG_TEXT[i : i + 8] for i in range(0, len(PNG_TEXT), 8)),
        f"data:image/png;base64,{PNG_TEXT}",
        f"DATA:image/png;charset=utf-8;BASE64,{PNG_TEXT}",
        f"data:;base64,{PNG_TEXT}",
        f"data:text/html;base64,{PNG_TEXT}",  # what it calls itself does not matter
    ],
)
def test_inline_bytes_come_back(value: str):
    assert media.inline_bytes(value.strip()) == PNG
    assert media.checked(value, kind="image") == value.strip()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "The media is empty."),
        ("data:image/png;base64,", "The media is empty."),
        ("data:image/png,abc", "The data URI must be base64: data:image/png;base64,…"),
        ("data:image/png;base64", "The data URI must be base64: data:image/png;base64,…"),
        ("data:" + ";a" * 400 + ";base64,AAAA", "The data URI must be base64: data:image/png;base64,…"),
        ("hello world!", "This is neither an http(s) URL nor valid base64."),
        ("A", "This is neither an http(s) URL nor valid base64."),
        ("жжжж", "This is neither an http(s) URL nor valid base64."),
        ("\ud800", "This is neither an http(s) URL nor valid base64."),
        ("A" * (20 * 1024 * 1024 * 4 // 3 + 8), "Inline media is limited to 20 MB; give a URL instead."),
    ],
)  # fmt: skip
def test_inline_data_that_cannot_be_read_says_why(value: str, message: str):
    with pytest.raises(MediaError) as refused:
        media.inline_bytes(value)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("audio", "The data is not an audio in a format we know."),
        ("video", "The data is not a video in a format we know."),
    ],
)
def test_media_of_another_kind_is_refused(kind: str, message: str):
    with pytest.raises(MediaError) as refused:
        media.checked(PNG_TEXT, kind=kind)

    assert str(refused.value) == message


@given(st.text(max_size=200))
def test_checking_refuses_or_keeps_any_text(value: str):
    try:
        kept = media.checked(value, kind="image")
    except MediaError:
        return
    assert kept == value.strip()


def test_pixels_are_counted_from_the_header_and_nothing_is_decoded():
    bomb = io.BytesIO()
    Image.new("1", (5_001, 5_000)).save(bomb, "PNG")
    fine = io.BytesIO()
    Image.new("1", (5_000, 5_000)).save(fine, "PNG")

    media.check_pixels(fine.getvalue())
    with pytest.raises(media.MediaError, match="5001 × 5000 pixels; at most 25 million"):
        media.check_pixels(bomb.getvalue())
    with pytest.raises(media.MediaError, match="damaged"):
        media.check_pixels(b"\xff\xd8\xff" + b"0" * 50)
