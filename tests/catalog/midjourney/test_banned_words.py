from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.catalog.midjourney.banned_words import BannedWords, default_words, normalised
from apps.catalog.models import BannedWord
from apps.catalog.selectors import banned_words, forget_banned_words
from apps.catalog.services import add_default_words

HARMLESS = """\
a cat on a hot summer night
a maine coon and a cockatoo, blue tits on a branch
a grape scene, still life with a pomegranate
an assassin in Scunthorpe, Essex
pussy willow in a vase
a heroine and her scunner, glass house in a cockpit
carnivore plants, a therapist reading, drapes
chicken breasts with rosemary, blood orange salad
a blood moon over the slaughter house museum
a same-sex couple at their wedding
a killer whale jumping behind bare trees
a knight wounded in battle, oil painting
a bare butter knife, a wet pussycat
making lovely cakes, a making love potion shop
myself harmonica, myself harmony
crack in the wall, smoking method, smoking crackers
a big assembly hall, a big cockpit, fat assistant
girl with a pearl earring
a bikini beach party, 1960s postcard
classical marble statue of david
shower of gold, golden shower tree
gothic lolita fashion sketch
Analysis of a canal; oral history; floral pattern
the last supper, crucifixion, altar piece
a gun in a museum, a tank, a bomb disposal robot
medical illustration of the human heart and intestines
druid, drugstore in neon, a pharmacy
beautiful young woman portrait, thick paint, hot colors
black and white photograph, colored pencils
an execution of a plan, corpse flower in bloom"""


@pytest.fixture
def enabled(db: None) -> None:
    BannedWord.objects.all().delete()
    BannedWord.objects.create(word="blorp")
    BannedWord.objects.create(word="glim", is_enabled=False)


# ---------------------------------------------------------------------------------------- look-up


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a nude", "nude"),
        ("a denuded hill", ""),
        ("nudes", ""),
        ("a nude.", "nude"),
        ("a2nude3", "nude"),
        ("nude_art", "nude"),
        ("nude²", "nude"),
        ("nudé", ""),
        ("a soft core", "soft core"),
        ("SOFT CORES", "soft core"),
        ("soft-core", ""),
        ("nude soft core", "nude"),
        ("soft core nude", "soft core"),
        ("neo-nazi", "neo-nazi"),
        ("neo-nazis", ""),
        ("x18+", ""),
        ("18+ only", "18+"),
        ("nude art of x", "nude art"),
        ("ᴺᵁᴰᴱ", "nude"),
        ("nu\u00adde", "nude"),
        ("обнажённая, портрет", "обнажённая"),
    ],
)
def test_first_in_finds_words_phrases_and_others(prompt: str, found: str):
    banned = BannedWords.of(["Nude", "nude art", "Soft  Core", "neo-nazi", "18+", "обнажённая"])

    assert banned.first_in(prompt) == found


def test_no_list_finds_nothing():
    assert BannedWords.of([]).first_in("a nude") == ""
    assert BannedWords.of(["", "  "]).first_in("a b") == ""


# --------------------------------------------------------------------------------------- defaults


def test_defaults_are_about_three_hundred_normal_words_in_groups():
    defaults = default_words()
    words = [default.word for default in defaults]

    assert 280 <= len(words) <= 350
    assert len(set(words)) == len(words)
    assert [word for word in words if word != normalised(word) or not 2 < len(word) <= 100] == []
    assert [default for default in defaults if not default.group] == []


@pytest.mark.parametrize("prompt", HARMLESS.splitlines())
def test_defaults_let_harmless_prompts_pass(prompt: str):
    assert BannedWords.of(default.word for default in default_words()).first_in(prompt) == ""


@pytest.mark.django_db
def test_migration_has_loaded_the_defaults():
    rows = BannedWord.objects.filter(is_default=True, is_enabled=True)

    assert {(row.word, row.note) for row in rows} == {
        (default.word, default.group) for default in default_words()
    }


@pytest.mark.django_db
def test_defaults_are_added_once_and_leave_the_operators_choices():
    first, second, third = (default.word for default in default_words()[:3])
    BannedWord.objects.filter(word=first).update(is_enabled=False, note="Too strict")
    BannedWord.objects.filter(word=second).delete()
    BannedWord.objects.create(word=second, note="Ours")
    BannedWord.objects.filter(word=third).delete()

    assert [add_default_words(), add_default_words()] == [1, 0]

    rows = BannedWord.objects.filter(word__in=[first, second, third])
    assert {(row.word, row.is_enabled, row.is_default, row.note) for row in rows} == {
        (first, False, True, "Too strict"),
        (second, True, False, "Ours"),
        (third, True, True, default_words()[2].group),
    }


# ------------------------------------------------------------------------------- table and selector


@pytest.mark.parametrize("word", ["", " ", "Nude", " blorp", "blorp "])
@pytest.mark.django_db
def test_word_that_is_not_normal_is_refused_by_the_database(word: str):
    with pytest.raises(IntegrityError), transaction.atomic():
        BannedWord.objects.create(word=word)


@pytest.mark.usefixtures("enabled")
def test_word_stands_once():
    with pytest.raises(IntegrityError), transaction.atomic():
        BannedWord.objects.create(word="blorp")


@pytest.mark.usefixtures("enabled")
def test_selector_has_the_enabled_ones():
    assert banned_words() == BannedWords.of(["blorp"])


@pytest.mark.usefixtures("enabled")
def test_selector_keeps_the_list_until_it_is_told_to_forget(django_assert_num_queries: Any):
    with django_assert_num_queries(1):
        banned_words()
        banned_words()
    BannedWord.objects.filter(word="glim").update(is_enabled=True)

    kept = banned_words()
    forget_banned_words()

    assert kept == BannedWords.of(["blorp"])
    assert banned_words() == BannedWords.of(["blorp", "glim"])
