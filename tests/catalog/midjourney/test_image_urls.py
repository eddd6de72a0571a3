import pytest

from apps.catalog.midjourney.image_urls import head_error, urls_to_head

A = "https://files.example.com/A.png"
B = "https://files.example.com/b.jpg"


@pytest.mark.parametrize(
    ("prompt", "urls"),
    [
        ("a cat", []),
        (f"{A} a cat", [A]),
        (f"{A}::2 {B}, a cat", [A, B]),
        (f"{A} a cat --sref {B}::3 {A}", [A, B]),
        (f"a cat --cref {B} --cw 1", [B]),
    ],
)
def test_urls_to_head_are_each_once_and_without_weight(prompt: str, urls: list[str]):
    assert urls_to_head(prompt) == urls


@pytest.mark.parametrize("code", [200, 204, 299])
def test_head_of_an_image_that_is_there_is_no_error(code: int):
    assert head_error(url=A, code=code) == ""


@pytest.mark.parametrize("code", [0, 199, 302, 403, 404, 500])
def test_head_error_says_url_and_code(code: int):
    assert head_error(url=A, code=code) == f"Invalid image url. url: {A}, head code: {code}"
