"""Visual-TCAV equals its official implementation: every stored figure, recomputed from the stored weights and images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional as F

from explainers.integrated_gradients import path_gradients
from explainers.visual_tcav.cav import class_attribution, concept_attribution, concept_map, fit_cav, pooled
from tests.conftest import SHARED_FIXTURES

ORACLE = SHARED_FIXTURES / "oracle/visual_tcav_oracle.npz"
CONCEPTS = ("striped", "dotted", "nullc", "dark")
pytestmark = pytest.mark.skipif(not ORACLE.is_file(), reason=f"needs {ORACLE}, the reference's figures, which are not here")
same_figures = partial(torch.testing.assert_close, rtol=1e-3, atol=1e-5)


@cache
def stored(name: str) -> Tensor:
    with np.load(ORACLE) as oracle:
        return torch.from_numpy(oracle[name])


def conv(network: str, name: str, maps: Tensor) -> Tensor:
    kernel = stored(f"{network}/w/{name}/kernel").permute(3, 2, 0, 1)
    patch = name == "stem"  # patches side by side; every other convolution keeps the size
    options = {"stride": kernel.shape[-1]} if patch else {"padding": kernel.shape[-1] // 2}
    return F.conv2d(maps, kernel, stored(f"{network}/w/{name}/bias"), **options)


def dense(network: str, name: str, values: Tensor) -> Tensor:
    return values @ stored(f"{network}/w/{name}/kernel") + stored(f"{network}/w/{name}/bias")


def norm(name: str, values: Tensor) -> Tensor:
    weights = (stored(f"tiny_signed/w/{name}/{part}") for part in ("gamma", "beta"))
    return F.layer_norm(values, values.shape[-1:], *weights, eps=1e-6)


def residual(block: str, maps: Tensor) -> Tensor:
    values = norm(f"{block}_norm", conv("tiny_signed", f"{block}_conv", maps).permute(0, 2, 3, 1))
    values = dense("tiny_signed", f"{block}_pw2", F.gelu(dense("tiny_signed", f"{block}_pw1", values)))
    return maps + values.permute(0, 3, 1, 2)


def relu_conv(network: str, name: str, pool: int = 1) -> Callable[[Tensor], Tensor]:
    return lambda maps: F.relu(conv(network, name, F.max_pool2d(maps, pool)))


def plain_head(network: str) -> Callable[[Tensor], Tensor]:
    return lambda maps: dense(network, "predictions", maps.mean((2, 3)))


# Per network: the steps from the image on, and after which step each layer's activation appears.
NETWORKS = {
    "tiny_relu": (
        [relu_conv("tiny_relu", "conv1"), relu_conv("tiny_relu", "conv2", 2),
         lambda maps: relu_conv("tiny_relu", "conv4")(relu_conv("tiny_relu", "conv3", 2)(maps)), plain_head("tiny_relu")],
        ("conv1", "conv2", "conv4"),
    ),
    "tiny_signed": (
        [lambda images: residual("b1", conv("tiny_signed", "stem", images)), partial(residual, "b2"),
         lambda maps: dense("tiny_signed", "predictions", norm("head_norm", maps.mean((2, 3))))],
        ("b1_add", "b2_add"),
    ),
    "tiny_binary": (
        [relu_conv("tiny_binary", "conv1"), relu_conv("tiny_binary", "conv2", 4),
         lambda maps: plain_head("tiny_binary")(relu_conv("tiny_binary", "conv3")(maps))],
        ("conv1", "conv2"),
    ),
}  # fmt: skip
LAYERS = [(network, layer) for network, (_, layers) in NETWORKS.items() for layer in layers]
CASES = [(network, layer, concept) for network, layer in LAYERS for concept in CONCEPTS]


@dataclass(frozen=True, eq=False)
class Explained:
    """One image at one layer."""

    feature_map: Tensor
    products: dict[int, Tensor]  # gradient times activation per class
    means: dict[int, Tensor]
    logits: Tensor
    baseline_logits: Tensor

    def evidence(self, class_idx: int) -> Tensor:
        product = self.products[0 if len(self.logits) == 1 else class_idx]
        return class_attribution(product, self.logits, self.baseline_logits, class_idx)


def run(steps, values: Tensor) -> Tensor:
    for step in steps:
        values = step(values)
    return values


def as_input(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 255


@cache
def maps_of(network: str, layer: str, images: str) -> Tensor:
    steps, layers = NETWORKS[network]
    return run(steps[: layers.index(layer) + 1], as_input(stored(images)))


def explained(network: str, layer: str, feature_map: Tensor, classes: list[int]) -> Explained:
    steps, layers = NETWORKS[network]
    path = path_gradients(partial(run, steps[layers.index(layer) + 1 :]), feature_map, classes)
    products = {idx: mean * feature_map for idx, mean in zip(classes, path.mean, strict=True)}
    return Explained(feature_map, products, dict(zip(classes, path.mean, strict=True)), path.logits, path.baseline_logits)


@cache
def local(network: str, layer: str) -> Explained:
    steps, layers = NETWORKS[network]
    feature_map = run(steps[: layers.index(layer) + 1], stored(f"{network}/input_pre").permute(2, 0, 1)[None])
    return explained(network, layer, feature_map[0], stored(f"{network}/classes").tolist())


@cache
def fitted(network: str, layer: str, concept: str):
    return fit_cav(maps_of(network, layer, f"img/concept/{concept}"), maps_of(network, layer, "img/random"))


def test_the_photo_is_resized_as_by_the_reference():
    resized = Image.fromarray(stored("img/test_raw").numpy()).resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(np.asarray(resized), stored("img/test_resized").numpy())


@pytest.mark.parametrize(("network", "layer"), LAYERS)
def test_feature_maps_logits_and_averaged_gradients(network, layer):
    image = local(network, layer)
    torch.testing.assert_close(image.feature_map.permute(1, 2, 0), stored(f"{network}/{layer}/fmap"), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(image.logits, stored(f"{network}/{layer}/logits"), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(image.baseline_logits, stored(f"{network}/{layer}/logits0"), rtol=1e-5, atol=1e-6)
    for class_idx, mean in image.means.items():
        reference = stored(f"{network}/{layer}/ig/{class_idx}")
        torch.testing.assert_close(mean.permute(1, 2, 0), reference, rtol=1e-5, atol=1e-5 * float(reference.abs().max()))


@pytest.mark.parametrize(("network", "layer", "concept"), CASES)
def test_cav_and_emblems(network, layer, concept):
    prefix = f"{network}/{layer}/{concept}"
    means = {kind: pooled(maps_of(network, layer, images)).mean(0) for kind, images in
             {"concept": f"img/concept/{concept}", "random": "img/random"}.items()}  # fmt: skip
    for kind, mean in means.items():
        torch.testing.assert_close(mean, stored(f"{prefix}/centroid_{kind}"), rtol=1e-5, atol=1e-6)
    cav = fitted(network, layer, concept)
    torch.testing.assert_close(cav.vector, stored(f"{prefix}/cav"), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        torch.tensor([cav.concept_emblem, cav.random_emblem]), stored(f"{prefix}/emblem"), rtol=1e-5, atol=1e-7
    )


def as_the_reference_draws(seen: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A concept map at the size of its photo, blurred by 20 pixels whatever that size, its maximum kept; (H, W) float32."""
    large = np.asarray(Image.fromarray(seen.astype(np.float32)).resize(shape[::-1], Image.Resampling.BILINEAR))
    picture = Image.fromarray((large * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(20))
    blurred = np.asarray(picture, np.float32) / 255
    return blurred * (seen.max() / blurred.max()) if 0 < blurred.max() < seen.max() else blurred


@pytest.mark.parametrize(("network", "layer", "concept"), CASES)
def test_concept_map_and_its_drawing(network, layer, concept):
    seen = concept_map(local(network, layer).feature_map, fitted(network, layer, concept))
    same_figures(seen, stored(f"{network}/{layer}/{concept}/concept_map"))
    drawn = torch.from_numpy(as_the_reference_draws(seen.numpy(), tuple(stored("img/test_raw").shape[:2])))
    torch.testing.assert_close(drawn, stored(f"{network}/{layer}/{concept}/heatmap_drawn"), rtol=1e-3, atol=1.01 / 255)  # 8 bit


def contribution(image: Explained, cav, class_idx: int) -> float:
    return concept_attribution(image.evidence(class_idx), concept_map(image.feature_map, cav), image.feature_map, cav)


@pytest.mark.parametrize(("network", "layer", "concept"), CASES)
def test_local_attribution(network, layer, concept):
    image, cav = local(network, layer), fitted(network, layer, concept)
    classes = [0, 1] if network == "tiny_binary" else stored(f"{network}/classes").tolist()
    figures = torch.tensor([contribution(image, cav, idx) for idx in classes], dtype=torch.float64)
    same_figures(figures, stored(f"{network}/{layer}/{concept}/attr_local"))


@pytest.mark.parametrize(("network", "layer", "concept"), CASES)
def test_global_attribution(network, layer, concept):
    binary = network == "tiny_binary"
    target = int(stored(f"{network}/global_target"))
    everyone = [explained(network, layer, m, [target]) for m in maps_of(network, layer, "img/class")]
    cav = fitted(network, layer, concept)
    for suffix, class_idx in {"": target, "_neg": 1}.items() if binary else {"": target}.items():
        figures = torch.tensor([contribution(image, cav, class_idx) for image in everyone], dtype=torch.float64)
        reference = stored(f"{network}/{layer}/{concept}/attr_global{suffix}")
        same_figures(figures[stored("img/class_listing_order")], reference)


def test_nothing_stored_is_left_out():
    with np.load(ORACLE) as oracle:
        names = [n for n in oracle.files if n.startswith("tiny_") and "/w/" not in n and "/ig/" not in n]
    compared = (
        "input_pre classes global_target fmap logits logits0 centroid_concept centroid_random cav emblem "
        "concept_map heatmap_drawn attr_local attr_global attr_global_neg"
    )
    follow_from_these = "stat_global stat_global_neg probs predict_after_explain"
    assert {name.split("/")[-1] for name in names} <= {*compared.split(), *follow_from_these.split()}
