"""The service with encoders small enough to follow by hand: what is computed, how often, where, and for whom."""

import math
import os
import shutil
import sys
import threading
from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from explainers import nave
from explainers.nave.settings import NaveSettings
from explainers.service.service import ExplainerService
from models.encoder.encoder import Depth, EncoderInfo
from models.encoder.preprocessing import Preprocessing, prepare
from models.errors import BadSettings, Cancelled, EncoderscopeError, OutOfMemory, UnknownEncoder, UnsupportedEncoder
from models.photo import photo_from_array, read_photo_file
from models.progress import IGNORED
from models.version import __version__

PATIENCE = 60  # seconds after which a test that hangs fails
SETTINGS = NaveSettings(input_size=32, max_clusters=3)
PLAIN = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), interpolation="box", input_size=32)


class TinyEncoder:
    """Two depths: the image at 1/4 and at 1/8 of its size. Logits: the mean of each colour, times ten."""

    device = torch.device("cpu")

    def __init__(self, name, fingerprint=None, n_bytes=100, has_classifier=True, room=99):
        self.n_bytes, self.room = n_bytes, room
        self.batches, self.threads, self.n_torch_threads = [], set(), set()
        self.gate = None
        self.info = EncoderInfo(
            name=name,
            architecture="tiny",
            family="CNN",
            fingerprint=fingerprint or f"fingerprint of {name}",
            n_parameters=0,
            depths=(Depth(0, "a", 3, 4), Depth(1, "b", 3, 8)),
            default_depths=(0, 1),
            attributed_depths=(0, 1),
            has_classifier=has_classifier,
            class_names=("red", "green", "blue") if has_classifier else (),
            n_prefix_tokens=0,
            preprocessing=PLAIN,
            fixed_input=False,
            size_multiple=8,
            licence="none",
        )

    def input_shape(self, photo_shape, input_size):
        return (input_size, input_size * 2) if photo_shape[1] > photo_shape[0] else (input_size, input_size)

    def prepare(self, photo, input_size):
        return prepare(photo, PLAIN, self.input_shape(photo.shape, input_size))

    def feature_maps(self, images, depths):
        self.threads.add(threading.get_ident())
        self.n_torch_threads.add(torch.get_num_threads())
        self.batches.append(len(images))
        if self.gate is not None:
            self.gate.reach()
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [torch.nn.functional.avg_pool2d(images, 4 * 2**depth) for depth in depths]

    def logits(self, images):
        return 10 * images.mean((2, 3))


class Gate:
    """A place where work waits until the test lets it pass."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def reach(self):
        self.reached.set()
        assert self.opened.wait(PATIENCE)


class TinyCatalog:
    """Encoders by name; says how often each was opened, and may hold one up as a slow network does."""

    def __init__(self, *encoders, folder=None):
        self.parents = (folder,) if folder else ()
        self.encoders = {encoder.info.name: encoder for encoder in encoders}
        self.opened, self.downloads = [], {}

    def entry(self, name):
        if name not in self.encoders:
            raise UnknownEncoder(f"No encoder goes by the name '{name}'.")
        return SimpleNamespace(name=name, state="needs download" if name in self.downloads else "on disk")

    def open(self, name, device="cpu", progress=IGNORED):
        self.entry(name)
        self.opened.append(name)
        if name in self.downloads:
            progress.report(0.5, "downloading")
            self.downloads[name].reach()
            progress.report(1.0, "downloaded")
        return self.encoders[name]


@pytest.fixture
def encoder():
    return TinyEncoder("tiny")


@pytest.fixture
def service_of():
    services = []

    def make(*encoders, folder=None, **options):
        services.append(ExplainerService(TinyCatalog(*encoders, folder=folder), device="cpu", **options))
        return services[-1]

    yield make
    for service in services:
        service.close()


@pytest.fixture
def service(service_of, encoder):
    return service_of(encoder)


def photo(seed=0, shape=(40, 40)):
    return photo_from_array(np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8), f"photo {seed}")


def test_a_photo_is_segmented_for_every_k(service, encoder):
    result = service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert result.segmentation.ks == (2, 3)
    assert result.segmentation.labels.shape == (2, 32, 32) and result.segmentation.labels.dtype == np.uint8
    assert result.segmentation.settings.depths == (0, 1)
    assert (result.encoder, result.photo_name, result.photo_sha256) == (encoder.info, "photo 0", photo().sha256)
    assert set(result.seconds) == {"encoder", "clustering"} and result.versions["torch"] == torch.__version__.split("+")[0]
    assert result.provenance.encoderscope == __version__ and result.settings.depths == (0, 1)
    with pytest.raises(FrozenInstanceError):
        result.provenance = None


def test_the_same_seed_gives_the_same_bytes(service):
    first = service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    service.clear_caches()
    again = service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert again is not first
    np.testing.assert_array_equal(first.segmentation.labels, again.segmentation.labels)


def test_all_torch_work_is_done_by_one_thread_with_the_chosen_pool(service_of, monkeypatch):
    monkeypatch.setenv("ENCODERSCOPE_THREADS", "1")
    a, b = TinyEncoder("a"), TinyEncoder("b")
    service = service_of(a, b)
    [job.result(PATIENCE) for job in [service.segment(name, photo(n), settings=SETTINGS) for name in "ab" for n in range(3)]]
    assert len(a.threads | b.threads) == 1 and threading.get_ident() not in a.threads
    assert a.n_torch_threads == {1} and service.status().n_threads == 1
    assert not torch.backends.cudnn.allow_tf32  # an accelerator computes as exactly as a CPU


def test_a_wrong_number_in_the_environment_is_named(service_of, monkeypatch):
    monkeypatch.setenv("ENCODERSCOPE_CACHE_MB", "lots")
    with pytest.raises(BadSettings, match="ENCODERSCOPE_CACHE_MB is 'lots'"):
        service_of()


def test_what_is_known_is_answered_without_queueing(service, encoder):
    service.segment("tiny", photo(0), settings=SETTINGS).result(PATIENCE)
    encoder.gate = Gate()
    busy = service.segment("tiny", photo(1), settings=SETTINGS)
    assert encoder.gate.reached.wait(PATIENCE)
    job = service.segment("tiny", photo(0), settings=SETTINGS)
    assert job.done and job.result(0).photo_name == "photo 0" and not busy.done
    encoder.gate.opened.set()
    assert busy.result(PATIENCE).photo_name == "photo 1"
    assert service.status().result_cache.hits == 1


def test_identical_requests_in_flight_are_computed_once(service, encoder):
    encoder.gate = Gate()
    jobs = [service.segment("tiny", photo(), settings=SETTINGS, view=view) for view in ("mine", "yours", None)]
    jobs[0].cancel()
    encoder.gate.opened.set()
    assert jobs[1].result(PATIENCE) is jobs[2].result(PATIENCE)
    assert encoder.batches == [1] and service.catalog.opened == ["tiny"]
    with pytest.raises(Cancelled):
        jobs[0].result(0)


def test_other_settings_use_the_feature_maps_again(service, encoder):
    service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    for settings in (
        NaveSettings(input_size=32, max_clusters=3, seed=1),
        NaveSettings(depths=(1,), input_size=32, max_clusters=2),
    ):
        service.segment("tiny", photo(), settings=settings).result(PATIENCE)
    assert encoder.batches == [1]
    service.segment("tiny", photo(), settings=NaveSettings(input_size=64, max_clusters=2)).result(PATIENCE)
    assert encoder.batches == [1, 1]


def test_default_depths_and_the_same_depths_by_number_are_one_question(service):
    service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert service.segment("tiny", photo(), settings=NaveSettings(depths=(1, 0, 1), input_size=32, max_clusters=3)).done


def saved(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def test_a_renamed_file_is_the_same_photo_under_its_new_name(service, encoder, tmp_path):
    old = saved(tmp_path / "old.png", photo().pixels)
    service.segment("tiny", read_photo_file(old), settings=SETTINGS).result(PATIENCE)
    job = service.segment("tiny", read_photo_file(old.rename(tmp_path / "new.png")), settings=SETTINGS)
    assert job.done and job.result().photo_name == "new.png"


def test_an_edit_of_one_pixel_is_another_photo_under_the_same_name(service, encoder, tmp_path):
    path, pixels = tmp_path / "photo.png", np.full((40, 40, 3), 90, np.uint8)
    before = service.segment("tiny", read_photo_file(saved(path, pixels)), settings=SETTINGS).result(PATIENCE)
    pixels[20, 20] = 255
    after = service.segment("tiny", read_photo_file(saved(path, pixels)), settings=SETTINGS).result(PATIENCE)
    assert before.photo_name == after.photo_name and before.photo_sha256 != after.photo_sha256
    assert encoder.batches == [1, 1]
    assert not before.segmentation.labels[0].any()  # nothing but background
    two = after.segmentation.at(2)  # photo pixel 20 of 40 lies in map pixel 16 of 32, in the cell of pixels 16 to 19
    assert two[17, 17] == 1 and two[0, 0] == 0


def test_two_names_of_one_content_share_their_results(service_of):
    one, two = TinyEncoder("one", fingerprint="same"), TinyEncoder("two", fingerprint="same")
    service = service_of(one, two)
    [service.open_encoder(name).result(PATIENCE) for name in ("one", "two")]
    service.segment("one", photo(), settings=SETTINGS).result(PATIENCE)
    job = service.segment("two", photo(), settings=SETTINGS)
    assert job.done and job.result().encoder.name == "two" and two.batches == []


def test_an_encoder_is_opened_once_for_all_who_need_it(service):
    jobs = [
        service.open_encoder("tiny"),
        service.segment("tiny", photo(0), settings=SETTINGS),
        service.segment("tiny", photo(1), settings=SETTINGS),
    ]
    [job.result(PATIENCE) for job in jobs]
    assert service.catalog.opened == ["tiny"]
    assert service.open_encoder("tiny").done


def encoder_folder(parent, name="tiny", weights=b"weights"):
    folder = parent / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_folder_whose_files_changed_is_opened_again(service_of, tmp_path, encoder):
    encoder_folder(tmp_path)
    service = service_of(encoder, folder=tmp_path)
    before = service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert service.segment("tiny", photo(), settings=SETTINGS).done
    service.catalog.encoders["tiny"] = TinyEncoder("tiny", fingerprint="retrained")
    encoder_folder(tmp_path, weights=b"retrained weights")
    after = service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert (before.encoder.fingerprint, after.encoder.fingerprint) == ("fingerprint of tiny", "retrained")
    assert service.catalog.opened == ["tiny", "tiny"] and len(service.status().encoders) == 1


def test_a_folder_that_was_replaced_by_one_of_the_same_size_and_date_is_opened_again(service_of, tmp_path, encoder):
    folder = encoder_folder(tmp_path)
    service = service_of(encoder, folder=tmp_path)
    service.open_encoder("tiny").result(PATIENCE)
    copy = shutil.copytree(folder, tmp_path / "copy")  # keeps the dates
    shutil.rmtree(folder)
    copy.rename(folder)
    service.open_encoder("tiny").result(PATIENCE)
    assert service.catalog.opened == ["tiny", "tiny"]


def test_a_slow_download_holds_no_other_encoder_up(service_of):
    service = service_of(TinyEncoder("far"), TinyEncoder("near"))
    service.catalog.downloads["far"] = slow = Gate()
    far = service.segment("far", photo(), settings=SETTINGS)
    assert slow.reached.wait(PATIENCE)
    assert (far.fraction, far.message) == (0.5, "downloading")
    assert service.segment("near", photo(), settings=SETTINGS).result(PATIENCE).encoder.name == "near"
    assert not far.done
    slow.opened.set()
    assert far.result(PATIENCE).encoder.name == "far"
    assert sorted(service.catalog.opened) == ["far", "near"]


def test_a_download_that_nobody_wants_any_more_stops(service_of):
    service = service_of(TinyEncoder("far"))
    service.catalog.downloads["far"] = slow = Gate()
    job = service.segment("far", photo(), settings=SETTINGS)
    assert slow.reached.wait(PATIENCE)
    job.cancel()
    slow.opened.set()
    del service.catalog.downloads["far"]
    service.open_encoder("far").result(PATIENCE)
    assert service.catalog.opened == ["far", "far"]  # the first one ended in its progress report


def test_a_newer_request_of_a_view_replaces_the_running_one(service, encoder):
    encoder.gate = Gate()
    old = service.segment("tiny", photo(0), settings=SETTINGS, view="page")
    assert encoder.gate.reached.wait(PATIENCE)
    new = service.segment("tiny", photo(1), settings=SETTINGS, view="page")
    classes = service.classify("tiny", photo(1), view="page")  # another kind of question, so none is replaced
    with pytest.raises(Cancelled):
        old.result(0)
    encoder.gate.opened.set()
    assert new.result(PATIENCE).photo_name == "photo 1" and classes.result(PATIENCE).class_names
    assert service.status().result_cache.n_items == 2  # the replaced one was told to stop between two steps


def test_refusals_reach_the_caller_and_the_service_goes_on(service):
    with pytest.raises(UnknownEncoder, match="'nope'"):
        service.segment("nope", photo(), settings=SETTINGS).result(PATIENCE)
    with pytest.raises(UnknownEncoder):
        service.open_encoder("nope").result(PATIENCE)
    with pytest.raises(BadSettings, match="depths 0 to 1; 7"):
        service.segment("tiny", photo(), settings=NaveSettings(depths=(0, 7))).result(PATIENCE)
    assert service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)


def test_a_defect_is_told_in_one_sentence(service, encoder, caplog):
    encoder.feature_maps = lambda images, depths: 1 / 0
    with pytest.raises(EncoderscopeError, match="while segmenting 'photo 0' with the encoder 'tiny'; the details"):
        service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert "ZeroDivisionError" in caplog.text


def test_activations_that_are_not_finite_are_told_and_nothing_of_them_is_kept(service, encoder):
    maps_of = encoder.feature_maps
    encoder.feature_maps = lambda images, depths: [maps_of(images, depths)[0], torch.full((len(images), 3, 4, 4), torch.nan)]
    for _ in range(2):
        with pytest.raises(UnsupportedEncoder, match="At depth 1 the activations of 'tiny' for 'photo 0' are not all finite"):
            service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    assert service.status().feature_map_cache.n_items == 0


@pytest.mark.parametrize("name", ["", "a" * 5000, "a\0b", "~nobody/x", "../..", "\ud800"])
def test_no_name_is_too_odd_to_be_refused(service, name):
    with pytest.raises(UnknownEncoder):
        service.segment(name, photo(), settings=SETTINGS).result(PATIENCE)


def test_feature_maps_of_many_photos_share_batches_that_shrink_to_what_fits(service_of):
    encoder = TinyEncoder("tiny", room=3)
    service = service_of(encoder)
    photos = [photo(n) for n in range(6)] + [photo(6, (40, 80)), photo(7)]
    maps = list(service.observatory.feature_maps(encoder, photos, 32, (0, 1), IGNORED))
    assert encoder.batches == [6, 3, 3, 1, 1]  # six alike, halved once; then one of another shape; then the last
    assert [depth_map.shape for depth_map in maps[6]] == [(3, 8, 16), (3, 4, 8)]
    for one, expected in zip(photos, maps, strict=True):
        torch.testing.assert_close(expected[0], torch.nn.functional.avg_pool2d(encoder.prepare(one, 32), 4))
    assert service.status().feature_map_cache.n_bytes == 4 * 3 * (7 * (64 + 16) + (128 + 32))
    assert len(list(service.observatory.feature_maps(encoder, photos, 32, (1, 0), IGNORED))) == 8 and len(encoder.batches) == 5


@pytest.mark.parametrize("device, batches", [("cpu", [1, 1, 1]), ("an accelerator", [3])])
def test_large_photos_go_through_a_cpu_one_by_one(service, encoder, device, batches):
    service.observatory.device = device
    assert len(list(service.observatory.feature_maps(encoder, [photo(n) for n in range(3)], 512, (0, 1), IGNORED))) == 3
    assert encoder.batches == batches


def test_a_photo_is_prepared_by_its_caller_while_an_accelerator_is_busy_with_another(service, encoder):
    service.observatory.device = "an accelerator"
    preparing, prepare_it = [], encoder.prepare
    encoder.prepare = lambda *asked: preparing.append(threading.get_ident()) or prepare_it(*asked)
    service.open_encoder("tiny").result(PATIENCE)
    encoder.gate = Gate()
    first = service.segment("tiny", photo(1), settings=SETTINGS)
    assert encoder.gate.reached.wait(PATIENCE)
    second = service.segment("tiny", photo(2), settings=SETTINGS)
    assert preparing[1:] == [threading.get_ident()]  # the first one by the worker, which had nothing to do
    encoder.gate.opened.set()
    assert first.result(PATIENCE) and second.result(PATIENCE)
    assert len(preparing) == 2 and preparing[0] in encoder.threads


def test_photos_side_by_side_are_segmented_as_each_would_be_alone(service, encoder):
    photos = [photo(0), photo(1), photo(2, (40, 80)), photo(3)]
    together = service.segment_each("tiny", photos, settings=SETTINGS).result(PATIENCE)
    assert encoder.batches == [2, 1, 1]  # neighbours of one shape
    assert together.photo_names == ("photo 0", "photo 1", "photo 2", "photo 3")
    for n, one in enumerate(photos):
        alone = service.segment("tiny", one, settings=SETTINGS).result(PATIENCE)
        assert (together.of_photo(n).segmentation.labels == alone.segmentation.labels).mean() > 0.999
        assert together.of_photo(n).photo_sha256 == alone.photo_sha256
    assert service.segment_each("tiny", photos, settings=SETTINGS).done


def test_fewer_photos_are_clustered_side_by_side_where_memory_does_not_suffice_for_more(service, monkeypatch):
    tried, segment_each = [], nave.segment_each

    def with_room_for_two(maps, *rest, **named):
        tried.append(len(maps))
        if len(maps) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return segment_each(maps, *rest, **named)

    monkeypatch.setattr(nave, "segment_each", with_room_for_two)
    found = service.segment_each("tiny", [photo(n) for n in range(5)], settings=SETTINGS).result(PATIENCE)
    assert tried == [5, 2, 2, 1] and len(found.segmentations) == 5


def test_one_photo_that_does_not_fit_is_an_error_and_the_next_request_works(service, encoder):
    encoder.room = 0
    with pytest.raises(OutOfMemory, match="smaller"):
        service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    encoder.room = 1
    assert service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)


def test_lack_of_memory_while_opening_is_told(service):
    service.catalog.open = lambda *args: torch.empty(10**13)
    with pytest.raises(OutOfMemory, match="memory of this machine ran out"):
        service.open_encoder("tiny").result(PATIENCE)


def test_encoders_are_bounded_in_bytes_and_results_outlive_them(service_of):
    service = service_of(*(TinyEncoder(name, n_bytes=60) for name in "abc"), encoder_bytes=130)
    for name in "abc":
        service.segment(name, photo(), settings=SETTINGS).result(PATIENCE)
    assert [loaded.name for loaded in service.status().encoders] == ["b", "c"]
    assert service.segment("a", photo(), settings=SETTINGS).done and service.catalog.opened == ["a", "b", "c"]
    service.open_encoder("a").result(PATIENCE)
    assert [loaded.name for loaded in service.status().encoders] == ["c", "a"]


def test_an_encoder_larger_than_the_bound_still_serves(service_of):
    service = service_of(TinyEncoder("large", n_bytes=10**6), encoder_bytes=1)
    [service.segment("large", photo(n), settings=SETTINGS).result(PATIENCE) for n in range(2)]
    assert service.catalog.opened == ["large"]


def test_without_cache_everything_is_computed_and_nothing_kept(service_of, encoder):
    service = service_of(encoder, cache_bytes=0)
    [service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE) for _ in range(2)]
    assert encoder.batches == [1, 1]
    assert service.status().feature_map_cache.n_items == service.status().result_cache.n_items == 0


def test_status_unload_and_clear(service, encoder):
    service.segment("tiny", photo(), settings=SETTINGS).result(PATIENCE)
    status = service.status()
    assert status.device == "cpu" and status.queue_length == 0 and status.running == ()
    assert [(loaded.name, loaded.fingerprint, loaded.n_bytes) for loaded in status.encoders] == [
        ("tiny", "fingerprint of tiny", 100)
    ]
    assert status.feature_map_cache.n_bytes == 4 * 3 * (64 + 16)
    assert status.result_cache.n_bytes > 2 * 32 * 32
    service.unload("tiny")
    service.clear_caches()
    status = service.status()
    assert status.encoders == () and status.feature_map_cache.n_bytes == status.result_cache.n_bytes == 0


def test_the_queue_is_counted(service, encoder):
    service.open_encoder("tiny").result(PATIENCE)  # or a later request might find it open, and overtake
    encoder.gate = Gate()
    jobs = [service.segment("tiny", photo(n), settings=SETTINGS) for n in range(3)]
    assert encoder.gate.reached.wait(PATIENCE)
    assert service.status().queue_length == 2
    (activity,) = service.status().running
    assert str(activity) == "segmenting 'photo 0' with the encoder 'tiny'"
    assert (activity.verb, activity.encoder_name) == ("segmenting", "tiny")
    encoder.gate.opened.set()
    [job.result(PATIENCE) for job in jobs]


def test_classes_come_best_first(service):
    green = photo_from_array(np.full((40, 40, 3), (51, 204, 102), np.uint8), "green")  # 0.2, 0.8, 0.4
    predictions = service.classify("tiny", green).result(PATIENCE)
    assert predictions.class_names == ("green", "blue", "red") and predictions.class_idx == (1, 2, 0)
    np.testing.assert_allclose(predictions.logits, (8, 4, 2), rtol=1e-5)
    total = np.exp([8, 4, 2]).sum()
    np.testing.assert_allclose(predictions.probabilities, np.exp([8, 4, 2]) / total, rtol=1e-5)
    assert service.classify("tiny", green).done


def test_a_single_logit_has_two_classes_of_which_one_is_not_the_other(service_of):
    """Of logit ln 3, the odds are three to one: as the self-check and an explanation say, too."""
    encoder = TinyEncoder("tiny")
    encoder.info = replace(encoder.info, class_names=("red",))
    encoder.logits = lambda images: torch.full((len(images), 1), math.log(3))
    predictions = service_of(encoder).classify("tiny", photo()).result(PATIENCE)
    assert predictions.class_names == ("red", "not red")
    assert predictions.probabilities == pytest.approx((0.75, 0.25)) and predictions.logits == pytest.approx(
        (1.0986, -1.0986), abs=1e-4
    )


def test_an_encoder_without_classifier_names_no_class(service_of):
    service = service_of(TinyEncoder("tiny", has_classifier=False))
    predictions = service.classify("tiny", photo()).result(PATIENCE)
    assert predictions.class_names == predictions.probabilities == () and predictions.encoder.name == "tiny"


def test_the_bundled_encoders_serve():
    """Whatever is bundled opens, segments and names its classes, through the real catalog."""
    service = ExplainerService(device="cpu")
    bundled = [entry.name for entry in service.catalog.entries() if entry.state == "bundled"]
    if not bundled:
        pytest.skip("needs an encoder in assets/encoders, and there is none yet")
    try:
        for name in bundled:
            result = service.segment(name, photo(shape=(96, 128)), settings=NaveSettings(input_size=96, max_clusters=3)).result(
                PATIENCE
            )
            height, width = result.segmentation.shape
            assert result.segmentation.labels.max() == 2 and height <= width
            assert len(service.classify(name, photo()).result(PATIENCE).class_names) == min(10, len(result.encoder.class_names))
        assert {loaded.name for loaded in service.status().encoders} == set(bundled)
    finally:
        service.close()


def test_photos_together_share_one_clustering_and_keep_their_shapes(service, encoder):
    wide = photo_from_array(np.random.default_rng(5).integers(0, 255, (16, 40, 3), np.uint8), "wide")
    result = service.segment_together("tiny", [photo(0), wide], settings=SETTINGS).result(PATIENCE)
    assert [s.labels.shape for s in result.segmentations] == [(2, 32, 32), (2, 32, 64)]
    assert result.segmentations[0].suggested_k == result.segmentations[1].suggested_k
    assert result.photo_names == (photo(0).name, "wide")
    alone = result.of_photo(1)
    assert (alone.photo_name, alone.photo_sha256) == ("wide", wide.sha256) and alone.segmentation is result.segmentations[1]
    assert service.segment_together("tiny", [photo(0), wide], settings=SETTINGS).done
    assert not service.segment_together("tiny", [wide, photo(0)], settings=SETTINGS).done  # another order, another answer


def test_no_photos_together_are_refused(service):
    with pytest.raises(BadSettings, match="0 photos"):
        service.segment_together("tiny", [], settings=SETTINGS).result(PATIENCE)


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a priority of its own")
@pytest.mark.parametrize(("given", "wanted"), [(0, 5), (12, 12)])
def test_the_worker_gives_way_and_takes_nothing_back_that_nice_gave(service_of, given, wanted, monkeypatch):
    became = []
    monkeypatch.setattr(os, "getpriority", lambda which, who: given)
    monkeypatch.setattr(os, "setpriority", lambda which, who, niceness: became.append(niceness))
    service_of(TinyEncoder("a")).segment("a", photo(), settings=SETTINGS).result(PATIENCE)
    assert became == [wanted]
