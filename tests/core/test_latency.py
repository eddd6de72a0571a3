import pytest

from apps.core import latency


def counts(**places: int) -> list[int]:
    found = [0] * latency.CLASSES
    for place, count in places.items():
        found[int(place[1:])] = count
    return found


def test_of_nothing_there_is_no_quantile() -> None:
    assert latency.quantile_ms(latency.added([]), 0.5) is None


def test_quantile_lies_in_its_class() -> None:
    found = counts(_3=90, _10=10)

    assert latency.BOUNDS_MS[2] <= latency.quantile_ms(found, 0.5) <= latency.BOUNDS_MS[3]  # type: ignore[operator]
    assert latency.BOUNDS_MS[9] <= latency.quantile_ms(found, 0.95) <= latency.BOUNDS_MS[10]  # type: ignore[operator]


@pytest.mark.parametrize("place", [0, latency.CLASSES - 1])
def test_the_outer_classes_have_an_answer_too(place: int) -> None:
    assert latency.quantile_ms(counts(**{f"_{place}": 1}), 0.5)


def test_counts_add_up() -> None:
    assert latency.added([counts(_1=2), counts(_1=3, _2=1)]) == counts(_1=5, _2=1)
