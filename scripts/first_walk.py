#!/usr/bin/env python3
"""The walk of a person who never saw the place: from the landing page to a first result, filmed, with a clock.

`./run walk [URL] [FILM.webp]` against a running installation, `http://127.0.0.1:8000` by default. Types and reads at a
person's pace. Says when each step was reached; ends with 1 where the result took longer than two minutes or the browser
complained. Needs Chromium (`CHROMIUM=/path/to/it` where it is not found).
"""

import argparse
import base64
import io
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import ConsoleMessage, Page, ViewportSize, sync_playwright

from scripts import chromium

LIMIT_SECONDS = 120
_SIZE: ViewportSize = {"width": 1120, "height": 700}
_FILM_WIDTH = 800
# A practised typist's keystroke is about 100 ms (60 words a minute); who reads a page for the first time looks for
# some seconds before the first click.
_KEY_MS = 100
_READING_SECONDS = 3.0
_LAST_SECONDS = 4.0
_MOST_FRAME_MS = 10_000


@dataclass
class Film:
    """Frames as the browser draws them, each with the second of the walk at which it came."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)
    started: float = 0.0

    def record(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)

        def keep(frame: dict[str, object]) -> None:
            self.frames.append((self.second(), base64.b64decode(str(frame["data"]))))
            session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

        session.on("Page.screencastFrame", keep)
        session.send("Page.startScreencast", {"format": "jpeg", "quality": 85})
        self.started = time.monotonic()

    def second(self) -> float:
        return time.monotonic() - self.started

    def save(self, path: Path, *, end: float) -> None:
        ends = [second for second, _ in self.frames[1:]] + [end]
        pictures: list[Image.Image] = []
        times: list[int] = []
        for (second, data), until in zip(self.frames, ends, strict=True):
            if until - second < 0.08 and times:
                times[-1] += round((until - second) * 1000)
                continue
            pictures.append(_with_clock(data, second))
            times.append(min(round((until - second) * 1000), _MOST_FRAME_MS))
        pictures[0].save(
            path,
            save_all=True,
            append_images=pictures[1:],
            duration=times,
            loop=0,
            quality=50,
            method=4,
        )


def _with_clock(data: bytes, second: float) -> Image.Image:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.resize((_FILM_WIDTH, round(picture.height * _FILM_WIDTH / picture.width)))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=18)
    draw.rectangle((0, picture.height - 28, 84, picture.height), fill="black")
    draw.text((8, picture.height - 25), f"{second:5.1f} s", fill="white", font=font)
    return picture


def walk(page: Page, url: str, film: Film) -> list[tuple[str, float]]:
    """Each step with the second at which it was done."""
    done: list[tuple[str, float]] = []

    def reached(step: str) -> None:
        done.append((step, film.second()))
        print(f"{film.second():6.1f} s  {step}", flush=True)

    page.goto(url)
    film.record(page)
    reached("the landing page stands")
    _read(page)
    page.get_by_role("link", name="Run your first task").click()
    page.wait_for_url("**/auth/signup/**")
    reached("sign-up")
    _type(page, "[name=email]", f"walker-{uuid.uuid4().hex[:8]}@example.com")
    _type(page, "[name=password1]", "correct horse battery")
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/w/**")
    reached("the new workspace, with its first steps")
    _read(page)
    page.get_by_role("link", name="Open it").click()
    page.wait_for_url("**/play/**")
    reached("the playground")
    _read(page)
    page.locator("[name=prompt]").fill("")
    _type(page, "[name=prompt]", "a lighthouse in a storm")
    page.get_by_role("button", name="Run task").click()
    reached("the task is sent")
    picture = page.locator("#preview img")
    picture.wait_for(timeout=LIMIT_SECONDS * 1000)
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#preview img').naturalWidth > 0")
    reached("the picture is there")
    return done


def _read(page: Page) -> None:
    page.wait_for_timeout(_READING_SECONDS * 1000)


def _type(page: Page, field_name: str, text: str) -> None:
    page.locator(field_name).press_sequentially(text, delay=_KEY_MS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run walk", description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("film", nargs="?", type=Path)
    options = parser.parse_args()
    path = chromium.find()
    if path is None:
        raise SystemExit("walk: there is no Chromium: apt-get install chromium, or set CHROMIUM.")
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    film = Film()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=_SIZE)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        _, seconds = walk(page, options.url, film)[-1]
        page.wait_for_timeout(_LAST_SECONDS * 1000)
        end = film.second()
        browser.close()
    if options.film:
        film.save(options.film, end=end)
        print(
            f"{options.film}: {options.film.stat().st_size // 1000} kB, {len(film.frames)} frames"
        )
    for complaint in complaints:
        print(f"the browser complained: {complaint}")
    return 1 if complaints or seconds > LIMIT_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
