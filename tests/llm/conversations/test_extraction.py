"""What is read in files, and which are refused."""

import pytest

from apps.core.errors import InvalidRequest, TooLarge
from apps.llm.services.conversations import extraction, pdf
from apps.llm.services.conversations.extraction import extracted
from tests.llm.conversations import documents


def test_a_pdf_gives_its_text_by_pages() -> None:
    data = documents.pdf("The warranty is two years.", "Returns within 30 days.")

    found = extracted(name="terms.pdf", data=data)

    assert (found.text, found.pages, found.note) == (
        "The warranty is two years.\fReturns within 30 days.",
        2,
        "",
    )
    assert (found.content_type, found.extension) == ("application/pdf", "pdf")


@pytest.mark.parametrize(
    ("data", "pages", "note"),
    [
        (
            documents.encrypted(documents.pdf("Secret"), "password"),
            None,
            "The PDF is encrypted: its text cannot be read without the password.",
        ),
        (
            documents.pdf("", ""),
            2,
            "No text was found in the PDF: its pages are probably pictures.",
        ),
        (b"%PDF-1.4\nnothing else", None, "The PDF is damaged: no text was found in it."),
    ],
)
def test_a_pdf_without_text_is_kept_with_a_note(data: bytes, pages: int | None, note: str) -> None:
    found = extracted(name="a.PDF", data=data)

    assert (found.text, found.pages, found.note) == ("", pages, note)


def test_a_pdf_encrypted_without_a_password_is_read() -> None:
    data = documents.encrypted(documents.pdf("Open to all"), "")

    assert extracted(name="a.pdf", data=data).text == "Open to all"


def test_a_pdf_has_a_limit_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_PAGES", 2)

    found = extracted(name="a.pdf", data=documents.pdf("One", "Two", "Three"))

    assert (found.text, found.note) == ("One\fTwo", "Only the first 2 of 3 pages were read.")


def test_a_pdf_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_SECONDS", 0.001)

    found = extracted(name="a.pdf", data=documents.pdf("One"))

    assert found.note == "The PDF could not be read in the time and memory there is for it."


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "Grüße\r\nzwei".encode(), "Grüße\nzwei"),
        ("a.md", b"\xef\xbb\xbf# Head", "# Head"),
        ("a.txt", "Grüße".encode("cp1252"), "Grüße"),
        ("a.txt", "Grüße".encode("utf-16"), "Grüße"),
        ("a.csv", b"a,b\n1,2", "a,b\n1,2"),
        ("a.json", b'{"a": [1]}', '{\n "a": [\n  1\n ]\n}'),
        ("a.json", b"{broken", "{broken"),
        (
            "a.html",
            b"<html><head><title>t</title></head><body><h1>Big</h1><script>x()</script><p>Text &amp; more</p></body>",
            "Big\nText & more",
        ),
    ],
)
def test_texts_are_read(name: str, data: bytes, text: str) -> None:
    assert extracted(name=name, data=data).text == text


def test_a_picture_has_its_size() -> None:
    found = extracted(name="a.png", data=documents.PNG)

    assert (found.content_type, found.width, found.height, found.text) == ("image/png", 1, 1, "")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("", b"x"), ("   ", b"x"), ("a/b.txt", b"x"), ("..\\a.txt", b"x"), (".txt", b"x"), ("a\n.txt", b"x"),
        ("a" * 129, b"x"), ("a.txt", b""), ("a.txt", b"\xff\x00\x01"), ("a.exe", b"MZ"), ("a", b"text"),
        ("a.pdf", b"not one"), ("a.png", b"not one"), ("a.mp3", b"ID3 sound"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        extracted(name=name, data=data)


def test_a_file_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "MOST_BYTES", 3)

    with pytest.raises(TooLarge):
        extracted(name="a.txt", data=b"four")
