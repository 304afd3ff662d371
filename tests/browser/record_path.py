"""From a pointer to a causal figure in three clicks, recorded as pictures: on a photograph, and on the watermark twin.

python -m tests.browser.record_path FOLDER [photograph|watermark ...]

pointer    what is similar to the place under the pointer
pinned     a click pins it, and the form that makes it a concept is open
made       the concept, and what it is worth
removed    Explain with it, the strength slider: what becomes of the classes without it, beside chance
seen       where it is seen, and what it contributes
"""

import argparse
import io
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from models.scenes.scenes import CLASS_NAMES, SceneOptions, render, sample_scene
from tests.browser.conftest import CHROMIUM, PICTURE_SECONDS, ROOT, running_server
from tests.browser.test_explain import settled as explained
from tests.browser.test_places import point, quiet, stages

WAIT_MS = PICTURE_SECONDS * 1000
WOVEN_STAR = CLASS_NAMES.index("woven star")  # the class whose images carried a caption in training
SEEDS = range(500, 512)


@dataclass(frozen=True)
class Story:
    """Where it begins, what is pointed at (shares of the photo's sides), and what it is called."""

    query: str
    place: tuple[float, float]
    name: str
    files: Callable[[], list[dict]] = list
    threshold: int = 40


def watermarked() -> list[dict]:
    """Fresh scenes of woven stars with the caption, as files to upload."""
    files = []
    for seed in SEEDS:
        buffer = io.BytesIO()
        scene = render(sample_scene(seed, SceneOptions(class_idx=WOVEN_STAR, watermark=True)))
        Image.fromarray(scene.image).save(buffer, "PNG")
        files.append({"name": f"woven-star-{seed}.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    return files


def middle_of_caption() -> tuple[float, float]:
    """Across and down, of the first of them."""
    scene = render(sample_scene(SEEDS[0], SceneOptions(class_idx=WOVEN_STAR, watermark=True)))
    rows, columns = np.nonzero(scene.watermark_mask)
    height, width = scene.watermark_mask.shape
    return float(columns.mean() / width), float(rows.mean() / height)


STORIES = {
    "photograph": Story("photo=china&show=similar", (0.33, 0.23), "roof"),
    "watermark": Story("encoder=scenes-cnn-watermark&photos=set&show=similar", middle_of_caption(), "caption", watermarked),
}


def record(page: Page, url: str, story: Story, picture: Callable[[str], None]) -> None:
    """Walks the path; ``picture`` takes one under a name."""
    page.goto(f"{url}/?{story.query}&alike={story.threshold}")
    if files := story.files():
        page.get_by_test_id("stSidebar").locator("[data-testid=stFileUploader] input[type=file]").set_input_files(files)
    stage = stages(quiet(page)).first
    stage.scroll_into_view_if_needed()
    point(page, stage, *story.place)
    picture("pointer")
    page.mouse.down()
    page.mouse.up()
    expect(stage).to_have_attribute("data-pinned", "true")
    page.get_by_role("button", name="Make this a concept").click()
    page.get_by_label("Name", exact=True).fill(story.name)
    page.get_by_label("Name", exact=True).press("Tab")
    quiet(page)
    picture("pinned")
    page.get_by_role("button", name="Create concept").click()
    expect(page.get_by_text(re.compile("Held-out AUC|rest on fewer"))).to_be_visible(timeout=WAIT_MS)
    quiet(page)
    page.locator(".st-key-change").scroll_into_view_if_needed()
    picture("made")
    page.get_by_role("link", name="Explain with it").click()
    slider = explained(page).get_by_label(f"Strength of “{story.name}”")
    slider.wait_for(timeout=WAIT_MS)
    picture("removed")
    page.get_by_role("heading", name="A second opinion").scroll_into_view_if_needed()
    picture("seen")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.record_path", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("stories", nargs="*", default=list(STORIES), metavar="STORY", help=f"of {', '.join(STORIES)}")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=WAIT_MS)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with running_server(Path(home), ROOT / "assets/encoders", hurried=False) as server:
            for name in options.stories:
                page = chromium.new_page(viewport={"width": 1440, "height": 1000})
                page.set_default_timeout(WAIT_MS)
                record(page, server.url, STORIES[name], partial(take, page, options.folder / name))
        chromium.close()


def take(page: Page, start: Path, step: str) -> None:
    """A picture once charts have faded in."""
    page.wait_for_timeout(1500)
    page.screenshot(path=f"{start}-{step}.png")


if __name__ == "__main__":
    main()
