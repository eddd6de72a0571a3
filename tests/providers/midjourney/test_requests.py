from dataclasses import replace
from typing import Any

import orjson
import pytest

from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from apps.providers.midjourney_requests import with_aspect, with_mode
from tests.providers.midjourney.samples import (
    ACCESS,
    BARE_PARENT,
    CALLBACK,
    GRID_PARENT,
    HASH,
    ID,
    PNG,
    REFERENCE,
    SECRET,
    SINGLE_PARENT,
    Why,
    adapter,
    sent,
    submit,
    with_config,
    work,
)
from tests.providers.wire import told


def test_submit_of_an_imagine():
    given = replace(
        work(prompt="a city", aspect_ratio="16:9", mode="fast", skip_prompt_check=True, bot_id=3),
        callback_url=CALLBACK,
        callback_secret="s3cret",
    )

    request = next(adapter.submit(given, Access("https://bridge.example/", SECRET)))

    assert (request.method, request.url) == ("POST", "https://bridge.example/mj/submit/imagine")
    assert request.headers == {
        "mj-api-secret": SECRET,
        "accept": "application/json",
        "content-type": "application/json",
    }
    assert orjson.loads(request.body) == {
        "prompt": "a city --ar 16:9 --fast",
        "base64Array": [],
        "state": REFERENCE,
        "notifyHook": CALLBACK,
        "accountFilter": {"modes": ["FAST"]},
    }


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://b.example", "https://b.example/mj/submit/imagine"),
        ("https://b.example/mj", "https://b.example/mj/submit/imagine"),
        ("https://b.example/mj/", "https://b.example/mj/submit/imagine"),
        ("http://b.example:8080/proxy/", "http://b.example:8080/proxy/mj/submit/imagine"),
    ],
)
def test_paths_follow_the_base_url(base_url: str, expected: str):
    assert next(adapter.submit(work(), Access(base_url, SECRET))).url == expected


@pytest.mark.parametrize("base_url", ["", "b.example", "ftp://b.example", "http://[::1"])
def test_an_address_that_is_no_url_needs_the_owner(base_url: str):
    error = submit(work(), access=Access(base_url, SECRET))

    assert told(error) == (AccountNeedsOwner, Need.SETUP)


@pytest.mark.parametrize("secret", ["", "a\nb", "sécret"])
def test_a_secret_that_is_none_is_bad(secret: str):
    assert told(submit(work(), access=Access("https://b.example", secret))) == (BadCredentials,)


# ------------------------------------------------------------------------------------------------ mode


@pytest.mark.parametrize(
    ("prompt", "mode", "expected"),
    [
        ("a cat", "relax", "a cat --relax"),
        ("a cat --fast", "relax", "a cat --relax"),
        ("--turbo a cat —FAST --v 6", "fast", "a cat --v 6 --fast"),
        ("a cat --fast", "", "a cat --fast"),
        ("a cat --fast", "mixed", "a cat --fast"),
        ("a --faster b --fast", "turbo", "a --faster b --turbo"),
        ("x--fast", "relax", "x--fast --relax"),
        ("", "relax", "--relax"),
    ],
)
def test_prompt_ends_with_the_mode_that_was_decided(prompt: str, mode: str, expected: str):
    assert with_mode(prompt, mode) == expected


@pytest.mark.parametrize(
    ("prompt", "mode", "expected"),
    [
        ("a cat --repeat 4", "fast", "a cat --fast"),
        ("a cat --r 4 --ar 1:2", "", "a cat --ar 1:2"),
        ("a cat —repeat 40 --relax", "relax", "a cat --relax"),
        ("a cat --repeatedly", "", "a cat --repeatedly"),
        ("a --rat", "", "a --rat"),
    ],
)
def test_a_task_is_one_job(prompt: str, mode: str, expected: str):
    assert " ".join(with_mode(prompt, mode).split()) == expected


@pytest.mark.parametrize(
    ("prompt", "ratio", "expected"),
    [
        ("a cat", "3:2", "a cat --ar 3:2"),
        ("a cat --ar 1:1 --v 6", "3:2", "a cat --v 6 --ar 3:2"),
        ("a cat --aspect 1:1 —AR 4:5", "3:2", "a cat --ar 3:2"),
        ("a cat --ar 1:1", None, "a cat --ar 1:1"),
        ("a cat --ar 1:1", "", "a cat --ar 1:1"),
        ("a cat --area 51", "3:2", "a cat --area 51 --ar 3:2"),
    ],
)
def test_the_aspect_ratio_of_the_field_wins(prompt: str, ratio: Any, expected: str):
    assert with_aspect(prompt, ratio) == expected


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
def test_mode_by_filter_and_flag(mode: str):
    [(path, body)] = sent(work(mode=mode))

    assert path == "/mj/submit/imagine"
    assert (body["prompt"], body["accountFilter"]) == (
        f"a flying city --{mode}",
        {"modes": [mode.upper()]},
    )


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
def test_mode_by_path(mode: str):
    [(path, body)] = sent(work(mode=mode), access=with_config(mode_paths=True))

    assert path == f"/mj-{mode}/mj/submit/imagine"
    assert body == {"prompt": f"a flying city --{mode}", "base64Array": [], "state": REFERENCE}


def test_without_a_mode_nothing_is_said_of_it():
    [(path, body)] = sent(work(), access=with_config(mode_paths=True))

    assert path == "/mj/submit/imagine"
    assert body == {"prompt": "a flying city", "base64Array": [], "state": REFERENCE}


def test_one_of_several_accounts_of_a_bridge_is_named():
    [(_, body)] = sent(work(mode="fast"), access=with_config(instance_id="channel-1"))

    assert body["accountFilter"] == {"instanceId": "channel-1", "modes": ["FAST"]}


# ----------------------------------------------------------------------------------------------- media


def test_submit_of_a_describe():
    [(path, body)] = sent(work("describe", image_url=PNG, mode="fast"))

    assert (path, body) == (
        "/mj/submit/describe",
        {"base64": PNG, "state": REFERENCE, "accountFilter": {"modes": ["FAST"]}},
    )


def test_submit_of_a_blend():
    [(path, body)] = sent(work("blend", image_urls=[PNG, PNG], dimension="portrait"))

    assert (path, body) == (
        "/mj/submit/blend",
        {"base64Array": [PNG, PNG], "dimensions": "PORTRAIT", "state": REFERENCE},
    )


def test_plain_base64_is_sent_as_a_data_uri():
    [(_, body)] = sent(work("describe", image_url=PNG.partition(",")[2]))

    assert body["base64"] == PNG


@pytest.mark.parametrize("value", ["", "no base64!", None, 7])
def test_media_that_is_none_is_refused(value: Any):
    error = submit(work("describe", image_url=value, mode="fast"))

    assert told(error) == (ProviderRefused, Why.INVALID)


def test_media_by_url_needs_the_owner():
    error = submit(work("describe", image_url="https://us.example/files/1.png"))

    assert told(error) == (AccountNeedsOwner, Need.SETUP)


# ------------------------------------------------------------------------------------------- follow-ups


def press(custom_id: str) -> tuple[str, dict[str, Any]]:
    return (
        "/mj/submit/action",
        {"taskId": ID, "customId": custom_id, "state": REFERENCE},
    )


@pytest.mark.parametrize(
    ("job", "given", "custom_id"),
    [
        *(("upscale", {"index": str(n)}, f"MJ::JOB::upsample::{n}::{HASH}") for n in range(1, 5)),
        *(
            ("variation", {"index": str(n)}, f"MJ::JOB::variation::{n}::{HASH}")
            for n in range(1, 5)
        ),
        ("variation", {"index": 2, "prompt": ""}, f"MJ::JOB::variation::2::{HASH}"),
        ("reroll", {"prompt": "", "origin_task_id": "ours"}, f"MJ::JOB::reroll::0::{HASH}::SOLO"),
    ],
)
def test_follow_up_of_a_grid_presses_its_button(job: str, given: Any, custom_id: str):
    assert sent(work(job, parent=GRID_PARENT, **given)) == [press(custom_id)]


@pytest.mark.parametrize(
    ("job", "given", "start"),
    [
        ("upscale", {"index": "subtle"}, "MJ::JOB::upsample_v6r1_2x_subtle::"),
        ("upscale", {"index": "creative"}, "MJ::JOB::upsample_v6r1_2x_creative::"),
        ("upscale", {"index": "2x"}, "MJ::JOB::upsample_v5_2x::"),
        ("upscale", {"index": "4x"}, "MJ::JOB::upsample_v5_4x::"),
        ("upscale", {"index": "light"}, "MJ::JOB::upsample_light::"),
        ("upscale", {"index": "beta"}, "MJ::JOB::upsample_beta::"),
        ("variation", {"index": "high_variation"}, "MJ::JOB::high_variation::"),
        ("variation", {"index": "low_variation"}, "MJ::JOB::low_variation::"),
        ("outpaint", {"zoom_ratio": 2}, "MJ::Outpaint::50::"),
        ("outpaint", {"zoom_ratio": 1.5}, "MJ::Outpaint::75::"),
        ("outpaint", {"zoom_ratio": 1}, "MJ::Outpaint::100::"),
        *(
            ("pan", {"direction": where}, f"MJ::JOB::pan_{where}::")
            for where in ("left", "right", "up", "down")
        ),
    ],
)
def test_follow_up_of_a_single_picture_presses_its_button(job: str, given: Any, start: str):
    assert sent(work(job, parent=SINGLE_PARENT, **given)) == [press(f"{start}1::{HASH}::SOLO")]


@pytest.mark.parametrize(
    ("job", "given", "parent"),
    [
        ("upscale", {"index": "1"}, SINGLE_PARENT),
        ("upscale", {"index": "subtle"}, GRID_PARENT),
        ("upscale", {"index": "huge"}, SINGLE_PARENT),
        ("variation", {"index": "high_variation"}, GRID_PARENT),
        ("reroll", {"prompt": ""}, SINGLE_PARENT),
        ("inpaint", {"mask": PNG}, GRID_PARENT),
        ("outpaint", {"zoom_ratio": 2}, GRID_PARENT),
        ("pan", {"direction": "left"}, GRID_PARENT),
        ("pan", {"direction": "left"}, BARE_PARENT),
        ("pan", {"direction": "sideways"}, SINGLE_PARENT),
        ("pan", {"direction": "left"}, {"id": ID, "buttons": "x"}),
        ("pan", {"direction": "left"}, {"id": ID, "buttons": [[1], "x", ["a", 2], None]}),
        ("upscale", {"index": "1"}, {**GRID_PARENT, "id": ""}),
        ("upscale", {"index": "1"}, {**BARE_PARENT, "id": None}),
        ("upscale", {"index": "1"}, {}),
        ("seed", {"task_id": "ours"}, {}),
    ],
)
def test_what_the_parent_does_not_offer_is_refused_unasked(job: str, given: Any, parent: Any):
    given_work = work(job, parent=parent, **given)

    assert told(submit(given_work)) == (ProviderRefused, Why.INVALID)


@pytest.mark.parametrize(
    ("job", "index", "action"), [("upscale", "3", "UPSCALE"), ("variation", "2", "VARIATION")]
)
def test_a_bridge_without_buttons_is_asked_by_change(job: str, index: str, action: str):
    body = {"taskId": ID, "action": action, "index": int(index), "state": REFERENCE}

    assert sent(work(job, parent=BARE_PARENT, index=index)) == [("/mj/submit/change", body)]


def test_a_reroll_by_change():
    body = {"taskId": ID, "action": "REROLL", "state": REFERENCE}

    assert sent(work("reroll", parent=BARE_PARENT, prompt="")) == [("/mj/submit/change", body)]


def test_the_option_decides_which_call_is_made():
    by_change = sent(
        work("upscale", parent=GRID_PARENT, index="1"), access=with_config(actions="change")
    )
    by_action = submit(
        work("upscale", parent=BARE_PARENT, index="1"), access=with_config(actions="action")
    )

    assert [path for path, _ in by_change] == ["/mj/submit/change"]
    assert told(by_action) == (ProviderRefused, Why.INVALID)


def test_change_takes_no_new_prompt():
    error = submit(work("variation", parent=BARE_PARENT, index="1", prompt="a dog"))

    assert told(error) == (ProviderRefused, Why.INVALID)


def test_unknown_job_is_for_another_provider():
    assert told(submit(work("animate"))) == (ProviderUnavailable, False, None)


def test_submit_sent_again_is_the_same_request():
    first, second = (next(adapter.submit(work(mode="fast"), ACCESS)) for _ in range(2))

    assert (first, first.body, first.headers) == (second, second.body, second.headers)
