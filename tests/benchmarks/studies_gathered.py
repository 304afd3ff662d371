"""What studies came to, encoder by encoder: their folders gathered into one Markdown table a study.

python -m explainers study NAME --encoders ENCODER --seeds 5 --out out/studies/NAME-ENCODER    for every study and encoder, then
python -m tests.benchmarks.studies_gathered out/studies > tables.md

Every folder holds the study.json of one encoder. Only the figures that answer the study's question are shown, with their spread
over seeds; the files have all of them.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from explainers.studies.spread import in_words

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]  # of one encoder, by name
Figure = Callable[[Tables], str]  # a cell of the row of an encoder
ENCODERS = (  # in the order of the rows; further ones come after them
    *("scenes-cnn", "scenes-cnn-watermark", "scenes-cnn-texture", "scenes-cnn-shape", "scenes-cnn-selfsupervised"),
    *("scenes-cnn-retrained", "scenes-cnn-shuffled", "scenes-vit", "scenes-vit-class-token", "scenes-vit-registers"),
    *("efficientnet-lite0", "deit_tiny_patch16_224", "mobilenetv2_100"),
)
NOTHING = "–"


def at(table: str, measure: str, digits: int = 2, **where: object) -> Figure:
    """A measure in the first row that has these values, with its spread."""

    def cell(tables: Tables) -> str:
        row = next((row for row in tables[table] if all(row[name] == value for name, value in where.items())), {})
        value = row.get(measure)
        return NOTHING if value is None else in_words(value, row.get(f"{measure}_sd"), digits)

    return cell


def besides(*figures: Figure) -> Figure:
    """Several in one cell."""
    return lambda tables: " / ".join(figure(tables) for figure in figures)


def where_most(table: str, by: str, *measures: str) -> Figure:
    """Measures in the row, among those of the encoder itself, that has the most of one."""

    def cell(tables: Tables) -> str:
        own = [row for row in tables[table] if row["encoder"] == tables[table][0]["encoder"]]
        row = max(own, key=lambda row: row[by] or 0)
        return " / ".join(f"{row[name]:.2f}" if isinstance(row[name], float) else str(row[name]) for name in measures)

    return cell


def _of_methods(table: str, column: str, measure: str, **titles: str) -> dict[str, Figure]:
    return {title: at(table, measure, **{column: value}) for title, value in titles.items()}


def _altered(table: str, altered: str) -> Figure:
    return besides(*(at(table, name, altered=altered) for name in ("maps", "concept_maps", "evidence", "attributions")))


def _labelled(method: str) -> Figure:
    return besides(*(at("few-labels", "iou", labelled=n, method=method) for n in (1, 5, 20)))


def _changed(change: str) -> Figure:
    return besides(*(at("repeat", name, change=change) for name in ("maps", "concept_maps", "attributions", "verdicts")))


def _of_sizes(measure: str) -> Figure:
    return besides(*(at("architectures", measure, input_size=size) for size in (64, 128, 192)))


ATTRIBUTION, INTERVENTION, TCAV = "Visual-TCAV, attribution", "Visual-TCAV, intervention", "TCAV"
SHOWN: dict[str, dict[str, Figure]] = {
    "alignment": _of_methods(
        "alignment", "method", "covering_suggested",
        **{"NAVE": "NAVE", "last depth alone": "last depth alone", "random weights": "random weights",
           "SLIC": "SLIC, as many regions", "Felzenszwalb": "Felzenszwalb, as many regions",
           "colour and position": "colour and position"},
    ) | {
        "majority IoU, NAVE (oracle)": at("alignment", "majority_iou", method="NAVE"),
        "CorLoc: NAVE / LOST-like / TokenCut-like": besides(
            *(at("alignment", "corloc", method=method) for method in ("NAVE", "LOST-like", "TokenCut-like"))
        ),
    },
    "suggested-k": _of_methods(
        "suggested_k", "rule", "covering",
        **{"suggested": "suggested", "elbow among the stable": "elbow among the stable", "k = 4": "k = 4"},
    ) | {
        "best fixed k (oracle)": at("suggested_k", "chosen", rule="best fixed k"),
        "best k of each (oracle)": at("suggested_k", "chosen", rule="best k for each photo"),
    },
    "depths": {
        "default depths: covering / stability": besides(
            at("depths", "covering", kind="default"), at("depths", "stability", kind="default")
        ),
        "all depths": besides(at("depths", "covering", kind="all"), at("depths", "stability", kind="all")),
        "the depth, or neighbours, that cover most: depths / covering / stability": where_most(
            "depths", "covering", "depths", "covering", "stability"
        ),
    },
    "training": {
        f"clusters follow {factor}": at("follows", "follows", factor=factor)
        for factor in ("shape", "texture", "colour", "position", "size", "caption")
    },
    "architectures": {
        "region area at 64 / 128 / 192 px": _of_sizes("region_area"),
        "border": _of_sizes("border"),
        "position dependence": _of_sizes("position_dependence"),
    },
    "clever-hans": {
        "true effect": at("mark", "causal", scenes="woven stars"),
        "intervention": at("mark", "intervention", scenes="woven stars"),
        "attribution": at("mark", "attribution", 3, scenes="woven stars"),
        "p": at("mark", "p_value", 3, scenes="woven stars"),
        "clusters' IoU with the mark": at("mark", "mark_iou", scenes="woven stars"),
        "saturation": at("saturation", "saturation"),
    },
    "tags": {
        "informed classes": at("methods", "n_informed", 0, method=ATTRIBUTION),
        "ordered: attribution / intervention / TCAV": besides(
            *(at("methods", "ordered", method=method) for method in (ATTRIBUTION, INTERVENTION, TCAV))
        ),
        "others credited: attribution / TCAV": besides(
            *(at("methods", "false_alarms", method=method) for method in (ATTRIBUTION, TCAV))
        ),
    },
    "tokens": {
        "depth with most outliers / their share / variation of the photo under them": where_most(
            "norms", "outliers", "depth", "outliers", "plainness"
        ),
        "covering as they are": at("clusters", "covering", 3, maps="as they are"),
        "outliers taken out": at("clusters", "covering", 3, maps="outliers taken out"),
    },
    "validity": {
        "Somers' D: attribution / intervention / TCAV": besides(
            *(at("methods", "ordered", method=method) for method in (ATTRIBUTION, INTERVENTION, TCAV))
        ),
        "own concept first": besides(*(at("methods", "first", method=method) for method in (ATTRIBUTION, INTERVENTION, TCAV))),
        "deletion: evidence map / random": besides(
            at("curves", "deletion", map="evidence map"), at("curves", "deletion", map="random orders")
        ),
        "insertion": besides(at("curves", "insertion", map="evidence map"), at("curves", "insertion", map="random orders")),
    },
    "sanity": {
        "itself again: maps / concept maps / evidence maps / attributions": _altered("weights", "itself again"),
        "everything random": _altered("weights", "everything"),
        "example labels shuffled": _altered("labels", "example labels shuffled"),
        "classifier fitted anew on shuffled labels": _altered("labels", "class labels shuffled, classifier fitted anew"),
        "network trained anew": _altered("labels", "network trained anew"),
        "the same on shuffled labels": _altered("labels", "class labels shuffled, network trained anew"),
    },
    "repeat": {
        f"{change}{': maps / concept maps / attributions / verdicts' * (change == 'another seed')}": _changed(change)
        for change in ("another seed", "other threads", "half precision", "JPEG, quality 50", "one pixel")
    },
    "few-labels": {
        "named clusters, 1 / 5 / 20 photos": _labelled("named clusters"),
        "linear probe": _labelled("linear probe"),
        "best naming (oracle)": _labelled("best naming"),
    },
    "k-means-classifier": _of_methods(
        "k-means", "method", "accuracy",
        **{"16 parts": "k-means, 16 parts", "128 parts": "k-means, 128 parts", "ridge regression": "ridge regression",
           "own classifier": "the encoder's own classifier"},
    ) | {"deciding part in the object, 128 parts": at("k-means", "in_object", method="k-means, 128 parts")},
}  # fmt: skip


def gathered(folder: Path) -> dict[str, dict[str, tuple[int, Tables]]]:
    """Seeds and tables by study and encoder, of every study.json below a folder."""
    studies: dict[str, dict[str, tuple[int, Tables]]] = {}
    for path in sorted(folder.glob("*/study.json")):
        kept = json.loads(path.read_text())
        encoder = Path(kept["settings"]["encoders"][0]).name
        tables = {table["name"]: table["rows"] for table in kept["findings"]["tables"]}
        studies.setdefault(kept["study"], {})[encoder] = kept["settings"]["n_seeds"], tables
    return studies


def markdown(study: str, of_encoders: Mapping[str, tuple[int, Tables]]) -> Iterable[str]:
    """The table of a study, line by line."""
    figures = SHOWN[study]
    yield f"| {study} | " + " | ".join(figures) + " |"
    yield "|---" * (len(figures) + 1) + "|"
    for encoder in sorted(of_encoders, key=lambda name: (ENCODERS.index(name) if name in ENCODERS else len(ENCODERS), name)):
        n_seeds, tables = of_encoders[encoder]
        seeds = "" if n_seeds == 5 else f", {n_seeds} seeds"
        yield f"| `{encoder}`{seeds} | " + " | ".join(figure(tables) for figure in figures.values()) + " |"


def main(folder: Path) -> None:
    """Prints the tables of all studies that are there."""
    studies = gathered(folder)
    for study in SHOWN:
        if study in studies:
            print(*markdown(study, studies[study]), "", sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
