from datetime import timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template

from apps.billing.models import CreditEntry
from apps.dashboard import story, viewer
from apps.dashboard.templatetags import dashboard as tags
from apps.tasks.models import Status, Task


def _entry(kind: str, available: int, held: int) -> CreditEntry:
    return CreditEntry(kind=kind, available_delta=available, held_delta=held)


def test_money_reads_held_charged_and_released_from_the_ledger() -> None:
    hold = _entry("HOLD", -100, 100)

    found = [
        story.money([hold]),
        story.money([hold, _entry("CAPTURE", 0, -100)]),
        story.money([hold, _entry("CAPTURE", 30, -100)]),
        story.money([hold, _entry("RELEASE", 100, -100)]),
        story.money([]),
    ]

    assert [(paid.held, paid.charged, paid.released) for paid in found] == [
        (100, 0, 0),
        (100, 100, 0),
        (100, 70, 30),
        (100, 0, 100),
        (0, 0, 0),
    ]


def test_headline_never_says_not_charged_of_a_failure_that_was() -> None:
    paid = story.money([_entry("HOLD", -700_000, 700_000), _entry("CAPTURE", 0, -700_000)])

    assert story.headline(Task(status=Status.FAILED), paid) == "Failed, and charged $0.07."


def test_headline_of_a_free_task_says_free() -> None:
    free = story.money([_entry("HOLD", 0, 0)])

    assert story.headline(Task(status=Status.PENDING), free) == "Waiting to start. Free."
    assert story.headline(Task(status=Status.CANCELLED), free) == (
        "Cancelled before it started, not charged."
    )


FILES = "http://testserver/files"


def _shown(output: object) -> viewer.Shown:
    return viewer.shown(Task(status=Status.COMPLETED, output=output))


def test_viewer_finds_files_by_kind_once_each() -> None:
    shown = _shown(
        {
            "image_url": f"{FILES}/mj/a.png",
            "image_urls": [f"{FILES}/mj/a.png", f"{FILES}/mj/b.webp"],
            "video": {"url": f"{FILES}/videos/c.mp4"},
            "audio_url": f"{FILES}/outputs/d.mp3",
            "model_file": f"{FILES}/outputs/e.glb",
            "page": f"{FILES}x/evil.png",
        }
    )

    assert [(file.kind, file.name, file.is_ours) for file in shown.files] == [
        ("image", "a.png", True),
        ("image", "b.webp", True),
        ("video", "c.mp4", True),
        ("audio", "d.mp3", True),
        ("3d", "e.glb", True),
        ("image", "evil.png", False),
    ]


def test_viewer_shows_text_and_plain_facts() -> None:
    shown = _shown(
        {
            "text": "two\nlines",
            "lines": [{"text": "two", "box": [1]}],
            "engine": "neural",
            "width": 7,
        }
    )

    assert shown == viewer.Shown(
        [], [("text", "two\nlines")], [("engine", "neural"), ("width", "7")]
    )


@pytest.mark.parametrize("output", [None, "x", [], {}, 3, {"image_url": "", "video": None}])
def test_viewer_of_an_empty_output_is_empty(output: object) -> None:
    assert _shown(output) == viewer.Shown([], [], [])


def test_viewer_shows_nothing_of_an_unfinished_task() -> None:
    task = Task(status=Status.PROCESSING, output={"image_url": f"{FILES}/mj/a.png"})

    assert viewer.shown(task) == viewer.Shown([], [], [])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 ms"), (0.85, "850 ms"), (4.21, "4.2 s"), (72, "1 min 12 s"), (3600, "60 min 0 s")],
)
def test_duration_reads_like_a_person_says_it(seconds: float, expected: str) -> None:
    assert tags.duration(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (0, "$0.00"),
        (1, "$0.0000001"),
        (99_999, "$0.0099999"),
        (100_000, "$0.01"),
        (13_579_051_4, "$13.58"),
    ],
)
def test_sum_is_to_the_cent_but_never_shows_something_as_nothing(
    points: int, expected: str
) -> None:
    assert tags.sum_usd(points) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("6", "s", "20000"), "6 s × $0.002"),
        (("0.076", "1000 characters", "20000"), "0.076 × 1000 characters at $0.002"),
        (("1", "image", "0"), "1 image × $0.00"),
        (("100", "s", "0.5"), "100 s × $0.00000005"),
    ],
)
def test_price_line_multiplies_in_words(line: tuple[str, str, str], expected: str) -> None:
    assert tags.price_line(line[0], line[1], Decimal(line[2])) == expected


def test_icon_and_status_escape_what_they_are_given() -> None:
    template = Template("{% load dashboard %}{% status word word %}")

    html = template.render(Context({"word": "<b>"}))

    assert html == (
        '<span class="status status-idle"><span class="status-dot"></span>&lt;b&gt;</span>'
    )
