from typing import Any

import orjson
import pytest

from apps.core.wire import NoAnswer, Request
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Callback,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Running,
)
from tests.providers.midjourney.samples import (
    ACCESS,
    ELSEWHERE,
    GRID,
    HANDLE,
    HASH,
    ID,
    PAGE,
    PICTURE,
    PROMPT,
    SECRET,
    UNKNOWN,
    Why,
    adapter,
    button,
    poll,
    task,
)
from tests.providers.wire import answer, told

MINE = "https://bridge.example/images/1.png"
FACTS = {"hash": HASH, "message_id": "118", "prompt": PROMPT, "buttons": GRID}
BUTTONS = [button(label, custom_id) for label, custom_id in GRID]
BUTTONS[4] |= {"label": "", "emoji": "🔄"}


def test_poll_asks_for_the_task():
    asked = next(adapter.poll(HANDLE, ACCESS))

    assert asked == Request(
        "GET",
        f"https://bridge.example/mj/task/{ID}/fetch",
        headers={"mj-api-secret": SECRET, "accept": "application/json"},
        timeout_seconds=15,
    )


@pytest.mark.parametrize(
    "status", ["NOT_START", "SUBMITTED", "MODAL", "IN_PROGRESS", "in_progress", "PONDERING", "", None, 7]
)  # fmt: skip
def test_poll_of_unfinished_work_runs_on(status: Any):
    assert poll(answer(task(status))) == Running(45)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [("0%", 0), ("45%", 45), (" 45 % ", 45), ("100%", 100), ("45", 45), (45, 45), ("", None), (None, None),
     (True, None), ("101%", None), ("-5%", None), ("soon", None), (45.5, None), ([45], None), ("9" * 5000 + "%", None)],
)  # fmt: skip
def test_poll_reads_progress(progress: Any, expected: int | None):
    assert poll(answer(task(progress=progress))) == Running(expected)


def test_poll_shows_the_picture_on_the_way():
    assert poll(answer(task(imageUrl=MINE))) == Running(45, previews=(MINE,))


@pytest.mark.parametrize("url", ["", "soon", 7, "file:///etc/passwd", "http://a b/", "x" * 9999])
def test_poll_shows_nothing_that_is_no_address(url: Any):
    assert poll(answer(task(imageUrl=url))) == Running(45)


def test_progress_that_goes_back_is_told_as_it_is():
    told_back = [poll(answer(task(progress=f"{n}%"))).progress for n in (50, 40)]

    assert told_back == [50, 40]


def test_poll_delivers_the_picture_and_what_may_follow():
    done = poll(answer(task("SUCCESS", imageUrl=PICTURE, buttons=BUTTONS, progress="100%")))

    assert done == Done(
        {"image_url": PICTURE},
        provider_id=ID,
        links={"discord_image_url": PICTURE},
        facts=FACTS,
    )


def test_a_copy_of_the_bridges_own_is_no_link_of_the_maker():
    done = poll(answer(task("SUCCESS", imageUrl=MINE)))

    assert (done.output, done.links) == ({"image_url": MINE}, {})


def test_the_original_may_be_told_beside_the_copy():
    properties = {"discordImageUrl": PICTURE}

    done = poll(answer(task("SUCCESS", imageUrl=MINE, properties=properties)))

    assert (done.output, done.links) == ({"image_url": MINE}, {"discord_image_url": PICTURE})


@pytest.mark.parametrize(
    "link", ["https://evil.example/?cdn.discordapp.com", "https://cdn.discordapp.com.evil.example/a", "x", 7]
)  # fmt: skip
def test_only_the_makers_hosts_are_the_makers(link: Any):
    assert (
        poll(answer(task("SUCCESS", imageUrl=MINE, properties={"discordImageUrl": link}))).links
        == {}
    )


def facts_of(**changes: Any) -> Any:
    return poll(answer(task("SUCCESS", imageUrl=MINE, **changes))).facts


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"seed": "77"}, {"seed": "77"}),
        ({"seed": 77}, {"seed": "77"}),
        ({"seed": "many"}, {}),
        ({"buttons": "x"}, {}),
        ({"buttons": [7, None, {"customId": 5}, {"label": "U1"}, {"customId": ""}]}, {}),
        (
            {"buttons": [button("U1" * 99, "MJ::a\x00" + "b" * 999)]},
            {"buttons": [["U1" * 20, "MJ::a" + "b" * 195]]},
        ),
        ({"buttons": BUTTONS * 99}, {"buttons": (GRID * 99)[:40]}),
    ],
)
def test_facts_are_small_whatever_is_told(changes: Any, facts: Any):
    assert facts_of(**changes) == FACTS | {"buttons": []} | facts


def test_facts_are_found_where_other_bridges_have_them():
    told_there = {"jobId": "job-1", "messageId": "7", "promptFull": "full --ar 1:1"}

    assert facts_of(properties=None, **told_there) == {
        "hash": "job-1",
        "message_id": "7",
        "prompt": "full --ar 1:1",
        "buttons": [],
    }
    assert facts_of(properties={}, promptEn=None) == {"buttons": []}


def test_facts_take_no_longer_prompt_than_a_prompt_may_be():
    facts = facts_of(properties={"finalPrompt": "a" * 99_999}, buttons=BUTTONS * 99)

    assert facts["prompt"] == "a" * 6000
    assert len(orjson.dumps(facts)) < 20_000


@pytest.mark.parametrize("url", [None, "", "soon", 7, "file:///etc/passwd"])
def test_finished_without_a_picture_is_a_failure(url: Any):
    error = poll(answer(task("SUCCESS", imageUrl=url)))

    assert told(error) == (ProviderRefused, Why.FAILED)


# -------------------------------------------------------------------------------------------- describe

LINES = "1️⃣ Cat --ar 5:4\n\n2️⃣ A cat\n\n3. three cats\n\n4) four"
DESCRIBED = Done(
    {
        "description": "1️⃣ Cat --ar 5:4\n\n2️⃣ A cat\n\n3️⃣ three cats\n\n4️⃣ four",
        "prompts": ["Cat --ar 5:4", "A cat", "three cats", "four"],
    },
    provider_id=ID,
)


@pytest.mark.parametrize("handle", [{"task_id": ID, "job": "describe"}, {"task_id": ID}])
@pytest.mark.parametrize(
    "where", [{"properties": {"finalPrompt": LINES}}, {"properties": {}, "promptEn": LINES}]
)
def test_describe_gives_four_prompts(handle: Any, where: Any):
    told_task = task("SUCCESS", action="DESCRIBE", imageUrl=MINE, **where)

    assert poll(answer(told_task), handle=handle) == DESCRIBED


def test_describe_without_words_is_a_failure():
    told_task = task("SUCCESS", action="DESCRIBE", imageUrl=MINE, properties={}, promptEn=" ")

    error = poll(answer(told_task), handle={"task_id": ID, "job": "describe"})

    assert told(error) == (ProviderRefused, Why.FAILED)


# --------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Banned prompt detected", (ProviderRefused, Why.MODERATED)),
        ("[Invalid parameter] Unrecognized parameter(s): --x", (ProviderRefused, Why.INVALID)),
        ("Invalid link", (ProviderRefused, Why.INVALID)),
        ("Something went wrong", (ProviderRefused, Why.FAILED)),
        ("任务超时", (ProviderRefused, Why.TIMEOUT)),
        ("取消任务", (ProviderRefused, Why.CANCELLED)),
        (None, (ProviderRefused, Why.FAILED)),
        ({"a": 1}, (ProviderRefused, Why.FAILED)),
        ("Captcha required", (AccountNeedsOwner, Need.CAPTCHA)),
        ("Your account has been blocked", (AccountNeedsOwner, Need.BANNED)),
        ("Subscription expired", (AccountNeedsOwner, Need.SUBSCRIPTION)),
        ("You have run out of fast hours", (AccountNeedsOwner, Need.FAST_HOURS)),
        ("Queue is full", ELSEWHERE),
    ],
)
def test_failed_work_is_its_own_fault_or_the_accounts(reason: Any, expected: Any):
    error = poll(answer(task("FAILURE", failReason=reason)))

    assert told(error) == expected
    assert error.ends_work


def test_cancelled_work():
    error = poll(answer(task("CANCEL")))

    assert told(error) == (ProviderRefused, Why.CANCELLED)


def test_a_prompt_cannot_ban_the_account_it_runs_on():
    prompt = "you are banned until monday, captcha, subscription expired"
    reason = f"Could not make: {prompt}"

    error = poll(answer(task("FAILURE", failReason=reason, prompt=prompt, promptEn=prompt)))

    assert told(error) == (ProviderRefused, Why.FAILED)


def test_a_reason_repeats_no_secret():
    error = poll(answer(task("FAILURE", failReason=f"secret {SECRET} is odd")))

    assert str(error) == "secret [removed] is odd"


@pytest.mark.parametrize(
    "answered",
    [
        answer(b""),
        answer(b"null"),
        answer(b"", 204),
        answer({"code": 3, "description": "gone"}, 404),
    ],
)
def test_work_that_the_bridge_forgot_has_failed(answered: Any):
    assert told(poll(answered)) == (ProviderRefused, Why.FAILED)


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (answer(task("SUCCESS", id=f"{ID}1", imageUrl=MINE)), ELSEWHERE),
        (answer(task("SUCCESS", id=None, imageUrl=MINE)), ELSEWHERE),
        (answer([task("SUCCESS", imageUrl=MINE)]), ELSEWHERE),
        (answer(PAGE), ELSEWHERE),
        (answer(PAGE, 404), ELSEWHERE),
        (answer(PAGE, 502), ELSEWHERE),
        (answer(b"", 502), ELSEWHERE),
        (answer(PAGE, 429, retry_after="4"), (ProviderUnavailable, False, 4.0)),
        (answer(b"{", 200), ELSEWHERE),
        (answer(b"no", 401), (BadCredentials,)),
        (answer(b"no", 403), (BadCredentials,)),
        (NoAnswer("Too large.", sent=True), UNKNOWN),
    ],
)
def test_an_answer_that_is_not_about_the_task_leaves_it_running(answered: Any, expected: Any):
    error = poll(answered)

    assert told(error) == expected
    assert not error.ends_work


# ---------------------------------------------------------------------------------------------- callback


def test_callback_is_a_hint():
    found = adapter.callback(headers={}, body=orjson.dumps(task("SUCCESS")), secret="s3cret")

    assert found == Callback(provider_id=ID, handle={"task_id": ID})


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'{"id": "../x", "status": "SUCCESS"}', b'{"id": "1"}']
)
def test_callback_of_somebody_else_is_refused(body: bytes):
    with pytest.raises(ValueError, match=r"not a task|Expecting"):
        adapter.callback(headers={}, body=body, secret="s3cret")
