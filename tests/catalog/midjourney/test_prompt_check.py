import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.catalog.midjourney.banned_words import BannedWords, default_words
from apps.catalog.midjourney.prompt_check import Checked, check
from tests.catalog.midjourney.prompts import BAD, EMPTY, GOOD, ONLY_PARAMS, POSITION, VALUES, A, L

BANNED = BannedWords.of(["nude", "gory", "covered in blood", "schön", "r34"])
BAD_VALUES = [(name, value, suffix) for name, values, suffix in VALUES for value in values]


def checked(prompt: str, **options: bool) -> Checked:
    return check(prompt, banned=BANNED, **options)


@pytest.mark.parametrize(("prompt", "used", "aspect_ratio"), GOOD)
def test_prompt_is_taken(prompt: str, used: str, aspect_ratio: str):
    assert checked(prompt) == Checked(used, "", aspect_ratio)


@pytest.mark.parametrize(("prompt", "shown", "message"), BAD)
def test_prompt_is_refused(prompt: str, shown: str, message: str):
    assert checked(prompt) == Checked(shown, message)


@pytest.mark.parametrize(("name", "value", "suffix"), BAD_VALUES)
def test_value_is_refused(name: str, value: str, suffix: str):
    prompt = f"a cat --{name} {value} --fast"

    assert checked(prompt) == Checked(prompt, f"Invalid Param Value: --{name} {value}{suffix}")


@pytest.mark.parametrize(("name", "suffix"), [(name, suffix) for name, _, suffix in VALUES])
def test_value_that_is_missing_is_refused(name: str, suffix: str):
    at_the_end, before_another = f"a cat --{name}", f"a cat --{name} --tile"

    assert checked(at_the_end) == Checked(at_the_end, f"Invalid Param Value: --{name} {suffix}")
    assert checked(before_another) == Checked(
        before_another, f"Invalid Param Value: --{name} --tile{suffix}"
    )


def test_names_and_values_are_told_in_lower_case():
    assert checked("A Cat --AR Wide") == Checked(
        "A Cat --AR Wide", "Invalid Param Value: --ar wide. Default: 1:1"
    )


def test_wrong_address_leaves_good_parameters_cut():
    assert checked(f"a cat {A} --ar 16:9 --repeat 2") == Checked(f"a cat {A}", POSITION, "16:9")


def test_whole_message_about_an_address():
    assert checked("https://x.example/a cat").error_message == (
        "Invalid image content type, file should end in .png, .gif, .webp, .jpg, or .jpeg. "
        "You can get more details at https://docs.midjourney.com/docs/image-prompts "
        "url: https://x.example/a"
    )
    assert L.startswith(" You")


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("", Checked("")),
        ("  ", Checked("")),
        ("a dog --ar 2:3", Checked("a dog", "", "2:3")),
        ("--ar 2:3", Checked("--ar 2:3", ONLY_PARAMS)),
        ("nude", Checked("", "Banned Prompt: nude")),
    ],
)
def test_remix_may_be_empty_and_no_more(prompt: str, result: Checked):
    assert checked(prompt, is_remix=True) == result


@pytest.mark.parametrize(
    ("prompt", "result"),
    [
        ("", Checked("", EMPTY)),
        ("—fast", Checked("--fast", ONLY_PARAMS)),
        ("nude", Checked("nude")),
        ("a {cat}", Checked("a {cat}")),
        ("a cat --foo", Checked("a cat --foo")),
        ("a   cat —ar 16:9", Checked("a cat --ar 16:9")),
        (f"a cat {A}", Checked(f"a cat {A}")),
    ],
)
def test_skip_leaves_only_the_structure(prompt: str, result: Checked):
    assert checked(prompt, skip=True) == result


@pytest.mark.parametrize("extra", [["oref"], ["--OREF "], {"oref", "draft"}])
def test_further_names_are_not_checked(extra: list[str] | set[str]):
    result = check("a cat --Oref x y --ar 1:1", banned=BANNED, extra_parameters=extra)

    assert result == Checked("a cat --Oref x y", "", "1:1")


def test_further_names_leave_the_known_ones_checked():
    result = check("a cat --v x", banned=BANNED, extra_parameters=["v"])

    assert result.error_message == "Invalid Param Value: --v x"


# --------------------------------------------------------------------------------------- any text

_BITS = st.sampled_from(
    [
        "a cat", "—", "--", "-", " ", "\n", "{", "::", "::2", A, "https://", "://", "random", "16:9", "1", ".5",
        "--ar", "--r", "--v", "--sref", "--cref", "--no", "--fast", "--foo", "nude", "nu\u200bde", "\x00", "\ud800",
        "İ", "ﬀ", "٣",
    ]
)  # fmt: skip
_PROMPTS = st.one_of(
    st.text(st.characters()), st.lists(_BITS).map("".join), st.lists(_BITS).map(" ".join)
)


@given(prompt=_PROMPTS, is_remix=st.booleans(), skip=st.booleans())
def test_any_text_has_an_answer_that_can_be_stored(prompt: str, is_remix: bool, skip: bool):
    result = checked(prompt, is_remix=is_remix, skip=skip)

    (result.prompt + result.error_message + result.aspect_ratio).encode()
    assert "\x00" not in result.prompt
    assert result.prompt == " ".join(result.prompt.split())


@given(prompt=_PROMPTS)
def test_what_is_used_is_taken_again_unchanged(prompt: str):
    first = checked(prompt)

    if not first.error_message:
        assert checked(first.prompt) == Checked(first.prompt)


@given(prompt=_PROMPTS)
def test_refusal_is_the_same_again(prompt: str):
    first = checked(prompt, is_remix=True)

    if first.error_message and not first.aspect_ratio and first.prompt:
        assert checked(first.prompt, is_remix=True).error_message == first.error_message


@pytest.mark.parametrize(
    "bit",
    ["--no ", "--sref random ", f"--sref {A} ", f"{A} ", "a://", "-", "a", "ü", "9", "{", "a.b+"],
)
def test_no_text_takes_more_steps_than_its_length(bit: str):
    """Counted, not timed: four times the text is about four times the work."""
    banned = BannedWords.of(default.word for default in default_words())
    short, long = (_steps(f"a {bit * times}"[:size], banned) for times, size in _sizes(bit))

    assert long < short * 6


def _sizes(bit: str) -> list[tuple[int, int]]:
    return [(size // len(bit) + 1, size // len(bit.encode()) * len(bit)) for size in (1400, 5600)]


def _steps(prompt: str, banned: BannedWords) -> int:
    count = 0

    def counting(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return counting

    before = sys.gettrace()
    sys.settrace(counting)  # type: ignore[arg-type]
    try:
        check(prompt, banned=banned)
    finally:
        sys.settrace(before)
    return count
