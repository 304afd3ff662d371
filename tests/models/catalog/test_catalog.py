"""What can be opened, under which name, and what is said when it cannot."""

import json
import shutil

import pytest
import timm
import torch
from safetensors.torch import save_file

from models.catalog import catalog as catalog_module
from models.catalog import hub
from models.catalog.catalog import Catalog
from models.catalog.curated import CURATED
from models.errors import BadCheckpoint, EncoderUnavailable, UnknownEncoder, UnsupportedEncoder
from models.files import HOME_VARIABLE


@pytest.fixture(autouse=True)
def nothing_fetched(monkeypatch, tmp_path_factory):
    """An empty hub cache, and no hub: what the machine that runs the tests has fetched must not matter."""
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("empty")))
    monkeypatch.setattr(hub, "get_hf_file_metadata", _no_network)
    monkeypatch.delenv(catalog_module.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("home")))


def _no_network(*_args, **_kwargs):
    raise ConnectionError("no network in tests")


def write_encoder(folder, **changes):
    """A small network in local-dir format; returns its folder."""
    folder.mkdir(parents=True)
    arguments = {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16], "num_classes": 2}
    with torch.random.fork_rng():
        model = timm.create_model("resnet18", **arguments)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": "resnet18",
        "num_classes": 2,
        "label_names": ["cat", "dog"],
        "model_args": arguments,
        "pretrained_cfg": {"input_size": [3, 64, 64], "num_classes": 2, "mean": [0.5] * 3, "std": [0.25] * 3},
    }
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def test_the_operators_folders_are_listed_and_open(tmp_path, monkeypatch):
    write_encoder(tmp_path / "street-cnn")
    (tmp_path / "notes").mkdir()
    monkeypatch.setenv(catalog_module.FOLDER_VARIABLE, str(tmp_path))
    entry = next(entry for entry in Catalog().entries() if entry.name == "street-cnn")
    assert (entry.architecture, entry.family, entry.training, entry.state) == ("resnet18", "CNN", "Your own", "on disk")
    assert (entry.input_size, entry.has_classifier) == (64, True)
    encoder = Catalog().open("street-cnn")
    assert encoder.info.name == "street-cnn" and encoder.info.class_names == ("cat", "dog")
    assert encoder.info.n_parameters == entry.n_parameters
    assert encoder.info.preprocessing.mean == (0.5, 0.5, 0.5) and encoder.info.preprocessing.input_size == 64
    assert "street-cnn" in Catalog().openable()


def test_a_folder_opens_by_its_path(tmp_path):
    folder = write_encoder(tmp_path / "deep" / "down")
    assert Catalog().open(str(folder)).info.name == str(folder)


def test_a_new_folder_is_seen_without_a_restart(tmp_path):
    catalog = Catalog(tmp_path)
    assert "late" not in [entry.name for entry in catalog.entries()]
    write_encoder(tmp_path / "late")
    assert "late" in [entry.name for entry in catalog.entries()]
    shutil.rmtree(tmp_path / "late")
    assert "late" not in [entry.name for entry in catalog.entries()]


def test_remarks_of_ours_say_title_note_licence_and_order(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog_module, "BUNDLED_FOLDER", tmp_path)
    write_encoder(tmp_path / "a", encoderscope={"title": "Second", "order": 2, "licence": "mit", "note": "Learnt scenes."})
    write_encoder(tmp_path / "b", encoderscope={"title": "First", "order": 1})
    first, second = [entry for entry in Catalog().entries() if entry.state == "bundled"]
    assert (first.title, second.title) == ("First", "Second")
    assert (second.licence, second.note, second.state, second.training) == ("mit", "Learnt scenes.", "bundled", "Bundled")
    assert Catalog().open("a").info.licence == "mit"


@pytest.mark.parametrize("order", ["first", None, [1], {}])
def test_an_order_that_is_no_number_leaves_the_list_as_it_is(tmp_path, monkeypatch, order):
    monkeypatch.setenv(catalog_module.FOLDER_VARIABLE, str(tmp_path))
    write_encoder(tmp_path / "a", encoderscope={"order": order})
    write_encoder(tmp_path / "b", encoderscope={"order": 1})
    assert [name for name in (entry.name for entry in Catalog().entries()) if name in "ab"] == ["b", "a"]


def test_remarks_that_are_no_text_are_left_out(tmp_path):
    folder = write_encoder(tmp_path / "a", encoderscope={"title": ["x"], "note": 3, "licence": {"a": 1}})
    entry = Catalog().entry(str(folder))
    assert (entry.title, entry.note, entry.licence) == ("a", "", "unknown")
    half = Catalog().entry(str(write_encoder(tmp_path / "b", encoderscope={"title": "half \ud83d"})))
    assert half.title == "half ?"


def test_a_configuration_that_is_nested_deeply_is_refused(tmp_path):
    folder = write_encoder(tmp_path / "a")
    (folder / "config.json").write_text('{"a": ' + "[" * 50_000)
    with pytest.raises(EncoderUnavailable, match="not a readable JSON file"):
        Catalog().entry(str(folder))


def test_only_a_bundled_encoder_has_a_card(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog_module, "BUNDLED_FOLDER", tmp_path / "bundled")
    for folder in (write_encoder(tmp_path / "bundled" / "ours"), write_encoder(tmp_path / "own" / "mine")):
        (folder / "README.md").write_text("# Title\n\nWhat it learnt.\n")
    write_encoder(tmp_path / "bundled" / "silent")
    catalog = Catalog(tmp_path / "own")
    assert [catalog.card(name) for name in ("ours", "mine", "silent", "nobody", "")] == ["What it learnt.", "", "", "", ""]


def test_a_folder_may_name_a_seed_in_place_of_weights(tmp_path):
    folder = write_encoder(tmp_path / "fresh", encoderscope={"title": "Fresh", "untrained_seed": 3, "n_parameters": 12})
    (folder / "model.safetensors").unlink()
    catalog = Catalog(tmp_path)
    assert (catalog.entry("fresh").n_parameters, catalog.entry("fresh").title) == (12, "Fresh")
    first, again = (catalog.open("fresh") for _ in range(2))
    assert first.info.fingerprint == again.info.fingerprint and first.info.class_names == ("cat", "dog")
    described = json.loads((folder / "config.json").read_text())
    described["encoderscope"]["untrained_seed"] = 4
    (folder / "config.json").write_text(json.dumps(described))
    assert Catalog(tmp_path).open("fresh").info.fingerprint != first.info.fingerprint


@pytest.mark.parametrize("seed", [-1, "3", 1.5, True, None, 2**32])
def test_what_is_not_a_seed_stands_for_no_weights(tmp_path, seed):
    folder = write_encoder(tmp_path / "fresh", encoderscope={"untrained_seed": seed})
    (folder / "model.safetensors").unlink()
    with pytest.raises(EncoderUnavailable, match="has no weights"):
        Catalog(tmp_path).open("fresh")


def test_the_operator_cannot_hide_a_bundled_encoder(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog_module, "BUNDLED_FOLDER", tmp_path / "bundled")
    write_encoder(tmp_path / "bundled" / "same", encoderscope={"title": "Ours"})
    write_encoder(tmp_path / "own" / "same")
    entries = [entry for entry in Catalog(tmp_path / "own").entries() if entry.name == "same"]
    assert [entry.title for entry in entries] == ["Ours"]


def test_what_came_through_the_dashboard_is_listed_and_opens(tmp_path):
    write_encoder(tmp_path / "own" / "mine")
    write_encoder(tmp_path / "own" / ".staging" / "half")
    catalog = Catalog(None, tmp_path / "own")
    entry = next(entry for entry in catalog.entries() if entry.name == "mine")
    assert (entry.training, entry.state) == ("Your own", "on disk")
    assert catalog.open("mine").info.class_names == ("cat", "dog")
    assert not {".staging", "half"} & {entry.name for entry in catalog.entries()}


def test_own_encoders_lie_beside_the_concept_library(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    write_encoder(tmp_path / "encoders" / "mine")
    assert Catalog().entry("mine").training == "Your own"


def test_the_operator_comes_before_what_was_uploaded(tmp_path):
    write_encoder(tmp_path / "ops" / "same", encoderscope={"title": "The operator's"})
    write_encoder(tmp_path / "own" / "same", encoderscope={"title": "Uploaded"})
    assert Catalog(tmp_path / "ops", tmp_path / "own").entry("same").title == "The operator's"


@pytest.mark.parametrize("name", ["scenes-cnn", "Scenes-CNN", "EfficientNet-Lite0", "street-cnn", "resnet50.a1_in1k"])
def test_names_of_other_encoders_are_not_free(tmp_path, name):
    write_encoder(tmp_path / "ops" / "street-cnn")
    catalog = Catalog(tmp_path / "ops", tmp_path / "own")
    with pytest.raises(BadCheckpoint, match="another encoder"):
        catalog.require_free(name)
    assert catalog.require_free("my-cnn") == "my-cnn"


@pytest.mark.parametrize(
    ("damage", "error", "expected"),
    [
        ({"config": "{"}, EncoderUnavailable, "not a readable JSON"),
        ({"config": "[1]"}, EncoderUnavailable, "no JSON object"),
        ({"config": '{"architectures": ["BertModel"]}'}, UnsupportedEncoder, "not a timm encoder"),
        ({"config": '{"architecture": "resnet999"}'}, UnsupportedEncoder, "resnet999"),
        ({"config": '{"architecture": "resnet18", "num_classes": 5}'}, EncoderUnavailable, "do not fit"),
        ({"config": '{"architecture": "resnet18", "model_args": {"layers": 7}}'}, EncoderUnavailable, "do not fit"),
        ({"config": '{"architecture": "resnet18", "model_args": {"wings": 2}}'}, EncoderUnavailable, "do not fit"),
        ({"config": '{"architecture": "resnet18", "model_args": [3]}'}, EncoderUnavailable, "do not fit"),
        ({"weights": b"\0" * 64}, EncoderUnavailable, "not a safetensors file"),
        ({"weights": None}, EncoderUnavailable, "model.safetensors is missing"),
        ({"weights": None, "pickle": b"x"}, UnsupportedEncoder, "weights_only"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_sentence_and_the_rest_goes_on(tmp_path, damage, error, expected):
    write_encoder(tmp_path / "good")
    folder = write_encoder(tmp_path / "odd")
    if "config" in damage:
        (folder / "config.json").write_text(damage["config"])
    if "weights" in damage:
        (folder / "model.safetensors").unlink()
    if damage.get("weights"):
        (folder / "model.safetensors").write_bytes(damage["weights"])
    if "pickle" in damage:
        (folder / "pytorch_model.bin").write_bytes(damage["pickle"])
    catalog = Catalog(tmp_path)
    with pytest.raises(error, match=expected) as refusal:
        catalog.open("odd")
    assert "'odd'" in str(refusal.value) or "odd/config.json" in str(refusal.value)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 400
    assert "good" in [entry.name for entry in catalog.entries()]
    catalog.open("good")


@pytest.mark.parametrize("name", ["resnet51", "", "hf-hub:", "../..", "scenes-cnnn", "a\0b", "x" * 5000])
def test_unknown_names_are_refused(name):
    with pytest.raises(UnknownEncoder):
        Catalog().open(name)


def test_a_misspelt_name_comes_with_suggestions():
    with pytest.raises(UnknownEncoder, match=r"Did you mean resnet50"):
        Catalog().open("resnet51")


def test_curated_encoders_are_listed_in_groups_with_what_timm_knows():
    entries = {entry.name: entry for entry in Catalog().entries()}
    assert {entries[row.name].training for row in CURATED} == {"Supervised", "Self-supervised", "Image and text"}
    resnet, dino = entries["resnet50.a1_in1k"], entries["vit_small_patch14_reg4_dinov2.lvd142m"]
    assert (resnet.family, resnet.input_size, resnet.has_classifier, resnet.licence) == ("CNN", 224, True, "apache-2.0")
    assert (dino.family, dino.input_size, dino.has_classifier) == ("Transformer", 518, False)
    assert not entries["vit_base_patch16_clip_224.openai"].has_classifier  # a projection, no classes
    assert all(entries[row.name].state == "needs download" for row in CURATED)


@pytest.mark.parametrize("row", CURATED, ids=lambda row: row.title)
def test_the_curated_numbers_of_parameters_are_right(row):
    with torch.device("meta"):
        model = timm.create_model(row.name)
    assert sum(parameter.numel() for parameter in model.parameters()) == row.n_parameters


def test_what_lies_in_the_hub_cache_is_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for repo in ("timm/resnet50.a1_in1k", "timm/resnet18.a1_in1k", "team/tiny", "team/no-weights"):
        snapshot = tmp_path / f"models--{repo.replace('/', '--')}" / "snapshots" / "abc"
        write_encoder(snapshot)
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs" / "main").write_text("abc")
    (tmp_path / "models--team--no-weights" / "snapshots" / "abc" / "model.safetensors").unlink()
    states = {entry.name: entry.state for entry in Catalog().entries()}
    assert states["resnet50.a1_in1k"] == states["resnet18.a1_in1k"] == states["hf-hub:team/tiny"] == "on disk"
    assert "hf-hub:team/no-weights" not in states
    assert states["convnext_tiny.fb_in1k"] == "needs download"
    assert Catalog().open("hf-hub:team/tiny").info.class_names == ("cat", "dog")


def test_without_a_network_the_message_names_what_opens(tmp_path):
    write_encoder(tmp_path / "street-cnn")
    with pytest.raises(EncoderUnavailable, match=r"resnet50.*cannot be reached.*street-cnn"):
        Catalog(tmp_path).open("resnet50.a1_in1k")


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        ("HTTPS_PROXY", "socks5://name:secret@host:1", ImportError("the 'socksio' package is not installed")),
        ("ALL_PROXY", "ftp://name:secret@host:1", ValueError("Unknown scheme for proxy URL")),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", FileNotFoundError(2, "No such file or directory")),
        ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", OSError("Could not find a suitable TLS CA certificate bundle")),
    ],
)
def test_a_setting_that_keeps_the_hub_from_being_asked_is_named(monkeypatch, variable, value, error):
    def ask(*_args, **_kwargs):
        raise error

    for other in (*hub._PROXY_VARIABLES, *hub._CA_VARIABLES):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(hub, "get_hf_file_metadata", ask)
    with pytest.raises(EncoderUnavailable, match=rf"cannot be asked: {variable} names") as refusal:
        Catalog().open("resnet50.a1_in1k")
    assert "secret" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_weights_that_exist_only_as_pickle_are_refused():
    pickled = next(
        name
        for name in timm.list_models(pretrained=True)
        if (config := timm.models.get_pretrained_cfg(name)).url and not config.hf_hub_id
    )
    with pytest.raises(UnsupportedEncoder, match="pickle"):
        Catalog().open(pickled)


def test_search_finds_every_timm_name_by_words_in_any_order():
    names = Catalog().search("dinov2 SMALL")
    assert "vit_small_patch14_dinov2.lvd142m" in names and "vit_small_patch14_reg4_dinov2.lvd142m" in names
    assert all("dinov2" in name and "small" in name for name in names)
    assert names == Catalog().search("small dinov2")
    assert len(Catalog().search("", limit=7)) == 7
    assert Catalog().search("no such thing") == ()
    assert set(Catalog().search("", limit=10_000)) == set(timm.list_models(pretrained=True))
