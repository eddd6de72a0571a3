import base64

import pytest

from apps.core.sealing import CannotOpen, is_current, seal, unseal

SECRET = "whsec_correct horse battery ☃"


def test_sealed_value_opens_for_its_row():
    assert unseal(seal(SECRET, bound_to="task:1"), bound_to="task:1") == SECRET


def test_sealed_value_tells_nothing_and_is_never_the_same_twice():
    first, second = seal(SECRET, bound_to="task:1"), seal(SECRET, bound_to="task:1")

    assert first != second
    body = base64.b64decode(first.partition(".")[2])
    assert b"horse" not in body
    assert len(body) == 12 + len(SECRET.encode()) + 16


def test_value_copied_to_another_row_does_not_open():
    sealed = seal(SECRET, bound_to="task:1")

    with pytest.raises(CannotOpen, match="another row"):
        unseal(sealed, bound_to="task:2")


@pytest.mark.parametrize("position", [0, 11, 12, 20, -1])
def test_altered_value_does_not_open(position: int):
    key_id, _, body = seal(SECRET, bound_to="task:1").partition(".")
    raw = bytearray(base64.b64decode(body))
    raw[position] ^= 1

    with pytest.raises(CannotOpen, match="altered"):
        unseal(f"{key_id}.{base64.b64encode(raw).decode()}", bound_to="task:1")


@pytest.mark.parametrize("body", ["", "AAAA", "not base64!", "A", "жж"])
def test_damaged_value_does_not_open(body: str):
    key_id = seal(SECRET, bound_to="task:1").partition(".")[0]

    with pytest.raises(CannotOpen):
        unseal(f"{key_id}.{body}", bound_to="task:1")


def test_old_key_still_opens_and_the_new_one_seals(settings):
    settings.SEALING_KEYS = ["old"]
    old = seal(SECRET, bound_to="task:1")

    settings.SEALING_KEYS = ["new", "old"]
    assert unseal(old, bound_to="task:1") == SECRET
    new = seal(SECRET, bound_to="task:1")
    assert (is_current(old), is_current(new)) == (False, True)

    settings.SEALING_KEYS = ["new"]
    assert unseal(new, bound_to="task:1") == SECRET
    with pytest.raises(CannotOpen, match="not in SEALING_KEYS"):
        unseal(old, bound_to="task:1")


@pytest.mark.parametrize("text", ["", "plain", "."])
def test_text_that_was_never_sealed_does_not_open(text: str):
    with pytest.raises(CannotOpen, match="not in SEALING_KEYS"):
        unseal(text, bound_to="task:1")
