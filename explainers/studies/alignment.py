"""Study: do NAVE's clusters align with what people see? Against true regions, the main object, and boxes.

Per encoder, photo and seed three ways to make maps (composite of the default depths, last depth alone, composite of the same
network with random weights), beside what needs no encoder or no clusters (baselines.py). Regions are connected pixels of one
cluster.

    covering      of the true regions by the regions of a map (Arbelaez et al. 2011), averaged over whoever drew some
    majority IoU  of the object with all clusters that lie mostly in it (oracle)
    CorLoc        share of photos whose one box, chosen without the truth, reaches an IoU of 0.5 with a true box
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from explainers.drawing.clusters import at_size
from explainers.maps.boxes import Box, main_box
from explainers.maps.localization import majority_vote_iou
from explainers.maps.regions import region_map
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.studies.baselines import Pictured, lost_box, token_cut_box
from explainers.studies.coverings import best_fixed_k, covering_of, coverings_of
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.looking import segmentations
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.studies.truths import TruePhoto
from models.encoder import Encoder
from models.encoder.encoder import randomised
from models.progress import Progress

FIXED_K, OBJECT_K = 6, 10
CORLOC_IOU = 0.5
COMPOSITE, LAST, RANDOM = "NAVE", "last depth alone", "random weights"
SLIC, FELZENSZWALB, COLOUR = "SLIC, as many regions", "Felzenszwalb, as many regions", "colour and position"
LOST, TOKEN_CUT = "LOST-like", "TokenCut-like"
_MEASURES = ("covering_fixed", "covering_suggested", "covering_best_fixed", "covering_best", "majority_iou", "corloc")


@dataclass(frozen=True, eq=False)
class Aligned:
    """The maps of one photo beside its truth."""

    segmentation: Segmentation
    coverings: dict[int, float]  # by k
    box: Box

    @property
    def suggested(self) -> int:
        return self.segmentation.suggested_k


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder on the photos of the question."""
    settings = question.settings
    rows: list[dict[str, Any]] = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        encoder = observatory.encoder(name, progress)
        of_encoder = [*_aligned_rows(question, observatory, encoder, part)]
        rows += [{"encoder": name, **row} for row in of_encoder]
    table = _with_best_fixed(rows)
    return Findings(_sentence(table), (_table(table),), (_curves(rows),))


# --- rows: per photo, seed and method --------------------------------------------------------------------------------------


def _aligned_rows(question: RunStudy, observatory: Observatory, encoder: Encoder, progress: Progress) -> Iterator[dict[str, Any]]:
    """Every method's measures on every photo with every seed."""
    settings, name = question.settings, encoder.info.name
    last = (encoder.info.depths[-1].idx,)
    n_steps = settings.n_seeds * 3
    pictured = [Pictured(true.photo.pixels) for true in question.photos]
    for n, (seed, method) in enumerate(product(settings.seeds, (COMPOSITE, LAST, RANDOM))):
        part = progress.part(n / n_steps, (n + 1) / n_steps)
        used = randomised(encoder, seed) if method == RANDOM else encoder
        nave = NaveSettings(last if method == LAST else (), input_size=settings.input_size, seed=seed)
        photos = [true.photo for true in question.photos]
        for place, maps in enumerate(segmentations(observatory, used, photos, nave, progress)):
            part.report(place / len(photos), f"{name}: {method}, seed {seed}")
            true = question.photos[place]
            aligned = aligned_with(maps, true)
            yield {"method": method, "seed": seed, "photo": place, **_measures(aligned, true)}
            if method == COMPOSITE:
                for other, values in _baselines(aligned, true, pictured[place], seed).items():
                    yield {"method": other, "seed": seed, "photo": place, **values}
    yield from _box_rows(question, observatory, encoder, progress)


def aligned_with(segmentation: Segmentation, true: TruePhoto) -> Aligned:
    """The maps of a photo beside its truth."""
    box = main_box(segmentation.at(segmentation.suggested_k)).box
    return Aligned(segmentation, coverings_of(segmentation, true), box.scaled(segmentation.shape, true.photo.shape))


def _measures(aligned: Aligned, true: TruePhoto) -> dict[str, Any]:
    coverings, maps = aligned.coverings, aligned.segmentation
    return {
        "covering_fixed": coverings.get(FIXED_K),
        "covering_suggested": coverings.get(aligned.suggested),
        "covering_best": max(coverings.values(), default=None),
        "majority_iou": None if true.mask is None else majority_vote_iou(at_size(maps.at(OBJECT_K), true.mask.shape), true.mask),
        "corloc": corloc(aligned.box, true),
        "coverings": coverings,
        "k_suggested": aligned.suggested,
        "n_regions": float(next(quality.n_regions for quality in maps.quality if quality.k == aligned.suggested)),
    }


def corloc(box: Box, true: TruePhoto) -> float | None:
    """1 if the box fits a true one, else 0; None where there is none."""
    return float(max(box.iou(other) for other in true.boxes) >= CORLOC_IOU) if true.boxes else None


def _baselines(aligned: Aligned, true: TruePhoto, pictured: Pictured, seed: int) -> dict[str, dict[str, Any]]:
    """Methods without an encoder: with as many regions, or as many clusters, as NAVE has at the same k."""
    maps = aligned.segmentation
    at = {"covering_fixed": FIXED_K, "covering_suggested": aligned.suggested}
    n_regions = {name: int(region_map(at_size(maps.at(k), true.photo.shape)).max()) + 1 for name, k in at.items()}
    made = {SLIC: {}, FELZENSZWALB: {}, COLOUR: {}}
    for name, k in at.items() if true.regions else ():
        made[SLIC][name] = covering_of(pictured.slic(n_regions[name]), true)
        made[FELZENSZWALB][name] = covering_of(pictured.felzenszwalb(n_regions[name]), true)
        made[COLOUR][name] = covering_of(pictured.colour_and_position(k, seed), true)
    if true.mask is not None:
        made[COLOUR]["majority_iou"] = majority_vote_iou(pictured.colour_and_position(OBJECT_K, seed), true.mask)
        made[SLIC]["majority_iou"] = majority_vote_iou(pictured.slic(OBJECT_K), true.mask)
    if true.boxes:
        made[COLOUR]["corloc"] = corloc(main_box(pictured.colour_and_position(aligned.suggested, seed)).box, true)
    return made


def _box_rows(question: RunStudy, observatory: Observatory, encoder: Encoder, progress: Progress) -> Iterator[dict[str, Any]]:
    """One box per photo from the last depth's map; no seed takes part."""
    photos = [true.photo for true in question.photos]
    last = (encoder.info.depths[-1].idx,)
    for true, maps in zip(
        question.photos,
        observatory.feature_maps(encoder, photos, question.settings.input_size, last, progress.silent()),
        strict=True,
    ):
        feature_map = maps[0].float().numpy()
        for method, box in ((LOST, lost_box), (TOKEN_CUT, token_cut_box)):
            if true.boxes:
                yield {"method": method, "seed": 0, "corloc": corloc(box(feature_map, true.photo.shape), true)}


# --- table, figure, sentence ----------------------------------------------------------------------------------------------------


def _with_best_fixed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows per encoder and method, with the k that is best for all photos together."""
    table = []
    for of_group in averaged([_without_coverings(row) for row in rows], ("encoder", "method")):
        same = [row for row in rows if all(row[name] == of_group[name] for name in ("encoder", "method"))]
        best_k = best_fixed_k([row.get("coverings", {}) for row in same])
        fixed = [{"seed": row["seed"], "covering_best_fixed": row["coverings"][best_k]} for row in same] if best_k else []
        best: Mapping[str, Any] = averaged(fixed, ())[0] if fixed else {}
        wanted = [name for measured in (*_MEASURES, "k_suggested", "n_regions") for name in (measured, f"{measured}_sd")]
        table.append({**dict.fromkeys(wanted), "best_fixed_k": best_k, **of_group, **best})
    return table


def _without_coverings(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "coverings"}


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("method", "Method"),
        *measure("covering_suggested", "Covering, suggested k", "Of true regions, at the k that Encoderscope suggests."),
        *measure("covering_fixed", f"Covering, k = {FIXED_K}", f"Of true regions, with {FIXED_K} clusters in every photo."),
        *measure("corloc", "CorLoc", "Share of photos whose one box, chosen without the truth, fits a true one (IoU 0.5)."),
        *measure("covering_best_fixed", "Covering, best fixed k", "At the one k that is best for all photos.", oracle=True),
        Column("best_fixed_k", "Best fixed k", "The k that is best for all photos together.", oracle=True),
        *measure("covering_best", "Covering, best k", "At the k that is best for each photo.", oracle=True),
        *measure(
            "majority_iou",
            f"Majority IoU, k = {OBJECT_K}",
            "Of the object with all clusters that lie mostly in it.",
            oracle=True,
        ),
        *measure("k_suggested", "Suggested k", "Mean over photos.", digits=1),
        *measure("n_regions", "Regions", "At the suggested k; mean over photos.", digits=1),
    ]
    return Table.of("alignment", "Alignment with the truth", columns, rows)


def _curves(rows: list[dict[str, Any]]) -> Figure:
    """Covering over k."""
    by_k = [
        {"encoder": row["encoder"], "method": row["method"], "seed": row["seed"], "k": k, "covering": value}
        for row in rows
        for k, value in row.get("coverings", {}).items()
    ]
    means = averaged(by_k, ("encoder", "method", "k"))
    series = []
    for encoder, method in dict.fromkeys((row["encoder"], row["method"]) for row in means):
        own = [row for row in means if (row["encoder"], row["method"]) == (encoder, method)]
        values = {name: tuple(row[name] for row in own) for name in ("k", "covering", "covering_sd")}
        series.append(Series(f"{encoder}, {method}", values["k"], values["covering"], values["covering_sd"]))
    return Figure("covering", "Covering of true regions over k", "lines", "k", "covering", tuple(series))


def _sentence(table: list[dict[str, Any]]) -> str:
    """Where NAVE is not clearly better than what stands beside it comes first."""
    named = {(row["encoder"], row["method"]): row for row in table}
    against, for_it = [], []
    for encoder in dict.fromkeys(row["encoder"] for row in table):
        own = named[encoder, COMPOSITE]
        if own["covering_suggested"] is None:
            continue
        others = [named[encoder, method] for method in (LAST, RANDOM, SLIC, FELZENSZWALB, COLOUR)]
        best = max(others, key=lambda row: row["covering_suggested"])
        ours, theirs = (measured(row, "covering_suggested") for row in (own, best))
        if is_clearly_above(own, best, "covering_suggested"):
            for_it.append(f"{encoder}: {ours}, the best of the others ({best['method']}) {theirs}")
        else:
            against.append(f"{encoder}: {ours}, but {best['method']} {theirs}")
    said = sentences(
        ("Not clearly better than everything beside it, in covering at the suggested k:", against),
        ("NAVE covers the true regions better than every baseline at the suggested k:", for_it),
    )
    return said or "No photo has true regions, so only boxes and objects were compared."


STUDY = Study(
    name="alignment",
    title="Alignment",
    question="Do the clusters of an encoder's activations align with what people see in a photo?",
    measure="Covering of true regions, CorLoc of one box per photo, and, as an oracle, majority-vote IoU of the main object; "
    "beside the last depth alone, random weights, SLIC and Felzenszwalb at as many regions, colour and position, LOST, TokenCut.",
    does_not_show="Whether the encoder uses these parts for its decisions, or knows what they are. Regions of rendered scenes "
    "are simpler than those of photographs. Spread is that of seeds: other photos scatter more.",
    example=StudySettings(("scenes-cnn",), n_scenes=6, n_seeds=2, input_size=224),
    run=run,
    needs="truth",
)
