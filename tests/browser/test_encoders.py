"""The Encoders page as a person uses it: a real server with a home of its own, a real Chromium."""

import io
import json
import re
import secrets
from collections.abc import Iterator

import pytest
import timm
import torch
from playwright.sync_api import Locator, Page, expect
from safetensors.torch import save

from models.catalog.configs import config_by_hand
from tests.browser.conftest import Contexts, watched_pages
from tests.browser.test_concepts import choose_files, file
from tests.browser.test_explore import take_whole
from tests.pages.tiny_encoders import VIT

pytestmark = pytest.mark.browser

ARCHITECTURE = "test_resnet"


@pytest.fixture(scope="module")
def shared_page(server, contexts: Contexts) -> Iterator[Page]:
    with watched_pages(contexts) as opened:
        yield opened(f"{server.url}/encoders")


@pytest.fixture
def page(shared_page) -> Page:
    """One open page for all tests, with an empty form."""
    if "/encoders" not in shared_page.url:
        shared_page.get_by_test_id("stTopNavLink").filter(has_text="Encoders").click()
    expect(shared_page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    for key in ("config", "weights"):
        uploader = shared_page.locator(f"[class*='st-key-checkpoint-{key}']")
        for _ in range(uploader.get_by_test_id("stFileChip").count()):
            uploader.get_by_role("button", name=re.compile("Remove")).first.click()
        expect(uploader.get_by_test_id("stFileChip")).to_have_count(0)
    expect(shared_page.get_by_text("Choose a model.safetensors.")).to_be_visible()
    return shared_page


def weights_of(n_classes: int = 3) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(ARCHITECTURE, num_classes=n_classes).state_dict()


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save(weights_of(), buffer)
    return buffer.getvalue()


def config(n_classes: int = 3) -> bytes:
    return json.dumps(config_by_hand(ARCHITECTURE, n_classes, [f"kind {n}" for n in range(n_classes)], input_size=96)).encode()


def choose_weights(page: Page, content: bytes, name: str = "model.safetensors") -> None:
    choose_files(page, "checkpoint-weights", [file(name, content)])


def choose_config(page: Page, content: bytes) -> None:
    choose_files(page, "checkpoint-config", [file("config.json", content)])


def choose_architecture(page: Page) -> None:
    box = page.get_by_role("combobox", name="Architecture")
    box.click()
    box.press_sequentially(ARCHITECTURE)
    expect(page.get_by_role("option")).to_have_text([ARCHITECTURE])
    box.press("Enter")


def add_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Check and add")


def alert(page: Page, text: str) -> Locator:
    return page.get_by_test_id("stAlert").filter(has_text=text)


def rename(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Name", exact=True).press("Enter")


def add(page: Page, stem: str) -> str:
    """Adds a good checkpoint; its name, which is another one whenever a test is repeated."""
    name = f"{stem}-{secrets.token_hex(3)}"
    choose_weights(page, save(weights_of()))
    choose_config(page, config())
    expect(alert(page, f"tensors fit {ARCHITECTURE}.")).to_be_visible()
    rename(page, name)
    add_button(page).click()
    expect(page.get_by_text(f"'{name}' was added.")).to_be_visible()
    expect(page.get_by_text("Choose a model.safetensors.")).to_be_visible()  # the form is empty again
    return name


def test_a_good_checkpoint_joins_and_opens_on_the_explore_page(page):
    name = add(page, "street-cnn")
    expect(page.get_by_text("5 of 5 depths").first).to_be_visible()
    page.locator(".st-key-change").get_by_role("link", name="Explore").click()
    expect(page).to_have_url(re.compile(f"encoder={name}"))
    expect(page.locator(".stage[data-frame]")).to_be_visible()
    expect(page.get_by_role("combobox", name="Encoder")).to_have_value(re.compile(name))


def test_without_a_config_the_architecture_is_searched_and_the_rest_is_filled_in(page):
    name = f"by-hand-{secrets.token_hex(3)}"
    choose_weights(page, save(weights_of(4)), f"{name}.safetensors")
    choose_architecture(page)
    expect(page.get_by_label("Number of classes", exact=True)).to_have_value("4")
    page.get_by_label("Class names (optional)", exact=True).fill("ant\nbee\ncat\ndog")
    page.get_by_label("Class names (optional)", exact=True).blur()
    expect(alert(page, "tensors fit")).to_be_visible()
    add_button(page).click()
    expect(page.get_by_text(f"'{name}' was added.")).to_be_visible()
    expect(page.get_by_text(re.compile("^(ant|bee|cat|dog)$"))).to_be_visible()


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
def test_a_pickle_is_refused_with_the_reason_and_the_way_out(page, name):
    choose_weights(page, pickled(), name)
    expect(alert(page, "can run code hidden in it")).to_contain_text("ENCODERSCOPE_ENCODERS")
    expect(page.get_by_text("python -c")).to_be_visible()
    expect(add_button(page)).to_have_count(0)


def test_what_does_not_fit_is_listed_and_mended_by_another_config(page):
    choose_weights(page, save(weights_of(5)))
    choose_config(page, config(3))
    expect(alert(page, "2 tensors do not fit")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(add_button(page)).to_be_disabled()
    page.locator("[class*='st-key-checkpoint-config']").get_by_role("button", name=re.compile("Remove")).click()
    choose_config(page, config(5))
    expect(alert(page, "tensors fit")).to_be_visible()
    expect(add_button(page)).to_be_enabled()


def test_a_damaged_file_is_one_sentence(page):
    choose_weights(page, save(weights_of())[:-10])
    expect(alert(page, "cut short")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_weights_that_are_no_finite_numbers_do_not_join(page):
    weights = weights_of()
    choose_weights(page, save({**weights, "fc.bias": torch.full((3,), float("nan"))}), "diverged.safetensors")
    choose_config(page, config())
    add_button(page).click()
    expect(alert(page, "not finite numbers")).to_be_visible()
    expect(page.get_by_role("button", name="Delete").and_(page.locator(".st-key-delete-diverged button"))).to_have_count(0)


def test_an_own_encoder_is_deleted_and_comes_back(page):
    name = add(page, "fleeting")
    row = page.locator(f".st-key-delete-{name}")
    row.get_by_role("button").click()
    expect(page.get_by_text(f"'{name}' was deleted.")).to_be_visible()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()


def test_a_loaded_encoder_appears_by_itself_and_is_unloaded(page, server, open_page):
    expect(page.get_by_role("heading", name="In memory")).to_be_visible()
    other = open_page(server.link())
    expect(other.locator(".stage[data-frame]")).to_be_visible()
    row = page.locator(f".st-key-unload-{VIT}")
    expect(row).to_be_visible()
    row.get_by_role("button").click()
    expect(row).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(server, open_page, screenshots, width, scheme):
    page = open_page(f"{server.url}/encoders", width, 1000, scheme)
    add(page, "mine")
    choose_weights(page, save(weights_of(5)))
    choose_config(page, config(3))
    expect(alert(page, "do not fit")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out to the right
    take_whole(page, width, screenshots / f"encoders-{width}-{scheme}.png")


@pytest.mark.parametrize("width", [1440, 390])
def test_screenshots_of_the_form_and_of_a_pickle(server, open_page, screenshots, width):
    page = open_page(f"{server.url}/encoders", width, 1000)
    choose_weights(page, save(weights_of(4)))
    choose_architecture(page)
    expect(alert(page, "tensors fit")).to_be_visible()
    take_whole(page, width, screenshots / f"encoders-form-{width}.png")
    page = open_page(f"{server.url}/encoders", width, 1000)
    choose_weights(page, pickled())
    expect(alert(page, "can run code")).to_be_visible()
    take_whole(page, width, screenshots / f"encoders-pickle-{width}.png")
