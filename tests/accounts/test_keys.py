import hashlib
import re
from collections import Counter

import pytest

from apps.accounts import keys


def test_new_key_has_the_announced_shape():
    key = keys.new_key()

    assert re.fullmatch(r"my_live_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", key)
    assert keys.is_well_formed(key)
    assert keys.shown_prefix(key) == key[:12]


def test_keys_hold_256_random_bits():
    made = [keys.new_key() for _ in range(2000)]
    numbers = [_number(key[8:51]) for key in made]

    assert 62**43 > 2**256
    assert len(set(made)) == 2000
    assert all(number < 2**256 for number in numbers)
    # Every bit is set in about half of them; 0.4 to 0.6 is nine standard deviations.
    counts = Counter(bit for number in numbers for bit in range(256) if number >> bit & 1)
    assert all(800 < counts[bit] < 1200 for bit in range(256))


def _number(text: str) -> int:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in text:
        number = number * 62 + digits.index(character)
    return number


def test_any_single_mistyped_character_is_noticed():
    key = keys.new_key()

    for position in range(len("my_live_"), len(key)):
        wrong = "a" if key[position] != "a" else "b"
        assert not keys.is_well_formed(key[:position] + wrong + key[position + 1 :])


@pytest.mark.parametrize(
    "text", ["", "my_live_", "my_live_" + "0" * 49, "x" * 57, "my_live_" + "ж" * 49, "\x00" * 57]
)
def test_other_text_is_no_key(text: str):
    assert not keys.is_well_formed(text)


def test_key_with_something_around_it_is_no_key():
    key = keys.new_key()

    for text in (f" {key}", f"{key}\n", key[:-1], key + "0", key.swapcase()):
        assert not keys.is_well_formed(text)


def test_digest_is_plain_sha256():
    assert keys.digest("my_live_x") == hashlib.sha256(b"my_live_x").digest()
