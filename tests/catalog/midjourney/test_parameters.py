import pytest

from apps.catalog.midjourney.parameters import (
    asked_version,
    flag_mode,
    major_version,
    version_of,
    with_parameter,
    without_mode_flags,
)

URL = "https://files.example.com/a.png"


@pytest.mark.parametrize(
    ("prompt", "mode"),
    [
        ("", ""),
        ("a cat", ""),
        ("a cat --fast", "fast"),
        ("a cat --RELAX", "relax"),
        ("a cat —turbo --ar 1:1", "turbo"),
        ("a cat --fast --relax", "relax"),
        ("a cat --turbo a dog --no x", "turbo"),
        ("a cat\n--fast", "fast"),
        ("--fast", "fast"),
        ("a cat --faster", ""),
        ("a cat -fast", ""),
        ("very--fast cat", ""),
        ("a cat --fast,", ""),
        ("https://x.example/--fast/a.png cat", ""),
    ],
)
def test_flag_mode_is_the_last_of_the_prompt(prompt: str, mode: str):
    assert flag_mode(prompt) == mode


@pytest.mark.parametrize(
    ("flags", "version", "major"),
    [
        ("", "v6", 6),
        ("--v 6", "v6", 6),
        ("--v 6.1", "v6", 6),
        ("--v 7", "v6", 7),
        ("--v 5.2", "v5", 5),
        ("--v 5.20", "v5", 5),
        ("--v 5.20001", "v6", 5),
        ("--v 0", "v5", 0),
        ("--niji 0", "v5", 0),
        ("--v 5.3", "v6", 5),
        ("--v 05", "v5", 5),
        ("--version 4", "v5", 4),
        ("--v .5", "v5", 0),
        ("--V 5", "v5", 5),
        ("—v 5", "v5", 5),
        ("--niji", "v6", 6),
        ("--niji 6", "v6", 6),
        ("--niji 7", "v6", 7),
        ("--niji 5", "v5", 5),
        ("--niji 5.9", "v5", 5),
        ("--niji 5 --v 6", "v6", 6),
        ("--v 6 --niji 4", "v5", 4),
        ("--v 5 --ar 16:9 --v 6", "v6", 6),
        ("--v 5 --niji", "v6", 6),
        ("--v", "v6", 6),
        ("--v --fast", "v6", 6),
        ("--v five", "v6", 6),
        ("--v ５", "v6", 6),
        ("--v nan", "v6", 6),
        ("--v -5", "v6", 6),
        ("--video 5", "v6", 6),
        ("over--v 5", "v6", 6),
        ("--v " + "9" * 5900, "v6", 999),
    ],
)
def test_version_is_that_of_the_last_flag(flags: str, version: str, major: int):
    assert (version_of(f"a cat {flags}"), major_version(f"a cat {flags}")) == (version, major)


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("a cat", "a cat"),
        ("a cat --fast", "a cat"),
        ("a  cat --FAST —relax --turbo --v 6", "a cat --v 6"),
        ("a cat --turbo on a mat", "a cat on a mat"),
        ("a cat --no --fast", "a cat --no"),
        ("a cat --faster", "a cat --faster"),
        ("https://x.example/--fast cat", "https://x.example/--fast cat"),
    ],
)
def test_mode_flags_are_taken_out_and_nothing_else(prompt: str, left: str):
    assert without_mode_flags(prompt) == left


@pytest.mark.parametrize(
    ("prompt", "name", "value", "result"),
    [
        ("a cat", "ar", "16:9", "a cat --ar 16:9"),
        ("a cat --ar 1:1 --v 6", "ar", "16:9", "a cat --v 6 --ar 16:9"),
        ("a cat --aspect 1:1", "ar", "16:9", "a cat --ar 16:9"),
        ("a cat —AR 1:1", "aspect", "16:9", "a cat --aspect 16:9"),
        ("a cat --ar", "ar", "16:9", "a cat --ar 16:9"),
        ("a cat --s 5 --sw 6 --c 7", "stylize", "50", "a cat --sw 6 --c 7 --stylize 50"),
        ("a cat", "tile", "", "a cat --tile"),
        ("a cat --tile", "tile", "", "a cat --tile"),
        ("a cat --style raw --tile", "style", "cute", "a cat --tile --style cute"),
        (f"a cat --sref {URL} {URL} on a mat", "sref", "random", "a cat on a mat --sref random"),
        ("", "ar", "16:9", "--ar 16:9"),
    ],
)
def test_parameter_takes_the_place_of_its_like(prompt: str, name: str, value: str, result: str):
    assert with_parameter(prompt, name=name, value=value) == result


@pytest.mark.parametrize(
    ("prompt", "version"),
    [
        ("a cat", ""),
        ("a cat --v", ""),
        ("a cat --niji", ""),
        ("a cat --v 6", "v6"),
        ("a cat --version 6.10", "v6.1"),
        ("a cat --V 10", "v10"),
        ("a cat --niji 6 --v 5.2", "v5.2"),
        ("a cat --v 5.2 --niji 06", "niji6"),
        ("a cat --v " + "9" * 5000, "v999"),
        ("a cat --v 5." + "1" * 5000, "v5.1111111111111"),
    ],
)
def test_asked_version_is_one_short_word(prompt: str, version: str):
    assert asked_version(prompt) == version
