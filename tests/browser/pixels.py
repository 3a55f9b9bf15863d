"""How often does a part of the page change? Counted in the frames that Chromium paints."""

from __future__ import annotations

import base64
import io
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page


@dataclass(frozen=True)
class Watched:
    """What was seen: `seconds` watched, frames painted, frames in which the part differed."""

    seconds: float
    frames: int
    changes: int
    pixels: int  # changed pixels in all, summed over the changes

    @property
    def changes_per_second(self) -> float:
        return self.changes / self.seconds

    @property
    def pixels_per_second(self) -> float:
        return self.pixels / self.seconds


def watch(part: Locator, seconds: float) -> Watched:
    """Watch the part of the page that `part` covers for some seconds.

    Chromium's screencast sends a frame when something was painted; frames are compared pixel by
    pixel inside the part's box only, so a blinking cursor elsewhere does not count.
    """
    part.scroll_into_view_if_needed()
    page = part.page
    box = part.bounding_box()
    if box is None:
        raise AssertionError("the part to watch is not visible")
    started = time.monotonic()
    frames = _record(page, seconds)
    elapsed = time.monotonic() - started
    pictures = [_crop(page, frame, box) for frame in frames]
    differing = [
        int(np.any(new != old, axis=-1).sum())
        for old, new in pairwise(pictures)
    ]
    changes = [count for count in differing if count]
    return Watched(elapsed, len(frames), len(changes), sum(changes))


def _record(page: Page, seconds: float) -> list[bytes]:
    """The frames painted in the next `seconds`, as PNG."""
    session = page.context.new_cdp_session(page)
    frames: list[bytes] = []

    def keep(event: dict[str, str]) -> None:
        frames.append(base64.b64decode(event["data"]))
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})
    page.wait_for_timeout(seconds * 1000)
    session.send("Page.stopScreencast")
    session.detach()
    return frames


def _crop(page: Page, frame: bytes, box: FloatRect) -> np.ndarray:
    """The part of a frame that lies in `box`; frames may be scaled against the page."""
    picture = Image.open(io.BytesIO(frame)).convert("RGB")
    size = page.viewport_size or {"width": picture.width, "height": picture.height}
    scale = picture.width / size["width"]
    left, top = max(0, box["x"]) * scale, max(0, box["y"]) * scale
    right = min(picture.width, (box["x"] + box["width"]) * scale)
    bottom = min(picture.height, (box["y"] + box["height"]) * scale)
    return np.asarray(picture.crop((round(left), round(top), round(right), round(bottom))))
