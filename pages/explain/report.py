"""An explanation as one HTML file that opens without a network. Pure functions.

Plotly's script is in the file once, pictures are inline, nothing is fetched. Whatever came from others (names of photos,
concepts, classes) is escaped.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from explainers.results import tables as explain_tables
from explainers.results.explanations import ClassExplanation, LocalExplanation, SetUsed, ShownDepth
from explainers.results.records import jsonable
from models.photo import Photo
from pages.common.heat_look import HeatLook
from pages.common.html_report import facts, page, picture, plot, table
from pages.common.pictures import for_screen
from pages.explain import charts as explain_charts
from pages.explain import look as explain_look

_SIDE = 420
_MEANING = (
    "Attribution is the share of the evidence for a class that lies where the concept is seen, in channels that point along it. "
    "Full colour and a star: significant at 5 % after Holm's correction over all concepts and depths of this report (over the "
    "concepts alone where a figure is over all depths); "
    "the orange mark is what concepts made of random images give."
)


def of_photo(photo: Photo, explanation: LocalExplanation, depth: ShownDepth, look: HeatLook) -> bytes:
    """Of one photo: maps at every depth, bars at one or over all, classes over depths, the whole table, settings."""
    found = zip(explanation.class_names, explanation.probabilities, strict=True)
    classes = ", ".join(f"{escape(name)} {probability:.1%}" for name, probability in found)
    parts = [
        f"<p class='quiet'>{escape(explanation.photo_name)} in the eyes of {escape(explanation.encoder.name)}: {classes}</p>",
        f"<p>{_MEANING}</p>",
        "<h2>Where each concept is seen</h2>",
        *(_tiles(photo, explanation, facts.depth, look) for facts in explanation.depths),
        f"<h2>What each concept contributes {explain_look.in_words(depth)}</h2>",
        *(_bars(explanation, row, depth) for row in range(len(explanation.class_idx))),
        "<h2>Every depth</h2>",
        *(_depths(explanation, row) for row in range(len(explanation.class_idx))),
        _closing(explanation, {"photo": explanation.photo_name, "photo SHA-256": explanation.photo_sha256}),
    ]
    return page(f"Explanation of {explanation.photo_name}", parts)


def of_class(explanation: ClassExplanation, depth: ShownDepth) -> bytes:
    """Of a class: the distribution at every depth and over all, the one looked at first, the whole table, settings."""
    depths = explain_look.choices(sorted({c.depth for c in explanation.concepts}))
    depths.sort(key=lambda d: d != depth)
    n = len(explanation.photo_names)
    parts = [
        f"<p class='quiet'>{escape(explanation.class_name)} in the eyes of {escape(explanation.encoder.name)}: {n} images</p>",
        f"<p>{_MEANING} A dot is one image, a diamond the mean with its 95 % interval.</p>",
        *(f"<h2>Images {explain_look.in_words(d)}</h2>" + plot(explain_charts.distribution(explanation, d)) for d in depths),
        _closing(explanation, {"images": str(n)}),
        "<h2>Images</h2>",
        table(
            [
                {"name": name, "SHA-256": digest}
                for name, digest in zip(explanation.photo_names, explanation.photo_sha256s, strict=True)
            ]
        ),
    ]
    return page(f"Explanation of the class {explanation.class_name}", parts)


def _tiles(photo: Photo, explanation: LocalExplanation, depth: int, look: HeatLook) -> str:
    pixels = for_screen(photo.pixels, (_SIDE, _SIDE))
    tiles = [picture(pixels, "photo")]
    for name in explanation.concept_names:
        seen = explanation.at(name, depth).concept_map
        tiles.append(picture(look.draw(pixels, seen), f"{name}, peak {seen.max():.2f}"))
    return f"<h3>Depth {depth}</h3><div class='tiles'>{''.join(tiles)}</div>"


def _bars(explanation: LocalExplanation, row: int, depth: ShownDepth) -> str:
    name = escape(explanation.class_names[row])
    return f"<h3>{name}</h3>" + plot(explain_charts.attributions(explanation, row, depth))


def _depths(explanation: LocalExplanation, row: int) -> str:
    return f"<h3>{escape(explanation.class_names[row])}</h3>" + plot(explain_charts.over_depths(explanation, row))


def _closing(explanation: LocalExplanation | ClassExplanation, about: Mapping[str, str]) -> str:
    """The table, the settings and where everything came from."""
    return "".join(
        [
            "<h2>All figures</h2>",
            table(explain_tables.rows_of(explanation)),
            _refused(explanation.refused_depths),
            "<h2>Settings</h2>",
            facts(jsonable(explanation.settings)),
            "<h2>Provenance</h2>",
            facts({**about, **_encoder(explanation)}),
            table(
                [_set_row("concept", used) for used in explanation.sets] + [_set_row("random counterpart", explanation.random)]
            ),
            "<h2>Versions</h2>",
            facts(explanation.versions),
        ]
    )


def _refused(reasons: Mapping[int, str]) -> str:
    return "".join(f"<p class='quiet'>Depth {depth} is left out. {escape(reason)}</p>" for depth, reason in reasons.items())


def _encoder(explanation: LocalExplanation | ClassExplanation) -> dict[str, str]:
    encoder = explanation.encoder
    return {"encoder": encoder.name, "architecture": encoder.architecture, "encoder fingerprint": encoder.fingerprint}


def _set_row(kind: str, used: SetUsed) -> dict[str, Any]:
    return {"set": used.name, "kind": kind, "images": used.n_images, "fingerprint": used.fingerprint}
