"""``python -m explainers intervene``: what changes for classes if concepts are taken away, written to one JSON file.

Every image is changed alone; with a class given, all of them together as well. Instead of concepts, a region of every image can
be replaced. The schemas of the files are described in assets/docs/formats.md.
"""

import argparse
import math
from functools import partial
from pathlib import Path

from explainers.commands import about_concepts, one_file
from explainers.commands.inputs import read
from explainers.commands.one_file import Command
from explainers.interventions.settings import (
    FILLINGS,
    METHODS,
    STRENGTHS,
    WHERES,
    InterventionSettings,
    RegionSettings,
)
from explainers.library.regions import Region, box_region, region_of
from explainers.results.explanations import ALL_DEPTHS
from explainers.results.records import intervention_record, replaced_region_record
from explainers.service.photo_questions import ReplaceRegion
from explainers.service.questions import InterveneOnClass, InterveneOnPhoto
from models.errors import BadSettings

_BOX_GRID = (448, 448)  # on which a box is drawn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = InterventionSettings()
    about_concepts.add_options(
        parser,
        "where activations are changed; shallow is 0; 'all': at every depth in one pass",
        needs_concept=False,
        depth=depths,
    )
    box = "replaced instead of a concept: left, top, right, bottom as shares of the sides, or an image that is black outside"
    parser.add_argument("--region", metavar="L,T,R,B_OR_IMAGE", help=box)
    fillings = "by what a region is replaced: surroundings, photo (its mean), or another image (its mean over that region)"
    parser.add_argument("--filling", default=FILLINGS[0], metavar="WORD_OR_IMAGE", help=f"{fillings} (default: %(default)s)")
    usual = ",".join(f"{strength:g}" for strength in STRENGTHS)
    meaning = f"0 removes, 1 changes nothing, 2 doubles; 0 and 1 are always among them (default: {usual})"
    parser.add_argument("--strengths", type=strengths, default=STRENGTHS, metavar="S,S", help=meaning)
    parser.add_argument("--where", choices=WHERES, default=default.where, help="which tokens (default: %(default)s)")
    parser.add_argument("--method", choices=METHODS, default=default.method, help="(default: %(default)s)")
    about_concepts.add_effort(parser, default.n_null, default.seed)


def depths(text: str) -> tuple[int, ...]:
    """One depth, or none for 'all'."""
    if text == ALL_DEPTHS:
        return ()
    try:
        return (int(text),)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a depth like 3, and not '{ALL_DEPTHS}'") from None


def strengths(text: str) -> tuple[float, ...]:
    """Strengths as in 0,0.5,1,2."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of strengths like 0,0.5,1,2") from None


def run(parsed: argparse.Namespace) -> int:
    """Changes every image; with a class given, all of them together as well."""
    if (parsed.concept is None) == (parsed.region is None):
        raise BadSettings("Name either concepts, with --concept, or a region, with --region.")
    if parsed.region is not None:
        return _replace_region(parsed)
    settings = InterventionSettings(
        depths=parsed.depth,
        class_idx=() if parsed.class_idx is None else (parsed.class_idx,),
        strengths=parsed.strengths,
        where=parsed.where,
        method=parsed.method,
        n_null=parsed.null,
        input_size=parsed.size,
        seed=parsed.seed,
        each_depth=False,
    )
    return about_concepts.run(
        parsed,
        lambda photo, sets: InterveneOnPhoto(parsed.encoder, photo, *sets, settings),
        lambda photos, sets: InterveneOnClass(parsed.encoder, photos, *sets, settings),
        partial(Command, record=intervention_record),
    )


def _replace_region(parsed: argparse.Namespace) -> int:
    is_word = parsed.filling in FILLINGS[:2]
    settings = RegionSettings(
        depths=parsed.depth,
        class_idx=() if parsed.class_idx is None else (parsed.class_idx,),
        strengths=parsed.strengths,
        filling=parsed.filling if is_word else "other",
        n_null=parsed.null,
        input_size=parsed.size,
        seed=parsed.seed,
    )
    region, other = region_from(parsed.region), None if is_word else read(Path(parsed.filling))
    command = Command(
        lambda photo: ReplaceRegion(parsed.encoder, photo, region, settings, other),
        lambda images, _of_class, failed: replaced_region_record(images, failed),
    )
    return one_file.run(parsed, lambda work: command)


def region_from(text: str) -> Region:
    """A region from a box as in 0.2,0.3,0.6,0.9, or from an image: every pixel that is not black. Raises BadConcept where it is
    empty, and BadSettings where it is everything."""
    numbers = text.split(",")
    if len(numbers) == 4 and not Path(text).exists():
        try:
            left, top, right, bottom = (float(number) for number in numbers)
        except ValueError:
            left = top = right = bottom = math.nan
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise BadSettings(f"'{text}' is not a box like 0.2,0.3,0.6,0.9: shares of the image's sides, left and top first.")
        region = box_region((left, top, right, bottom), _BOX_GRID)
    else:
        region = region_of(read(Path(text)).pixels.max(2) > 0)
    if region is None:
        raise BadSettings(f"The region '{text}' is the whole image, so nothing would be left. Name a smaller one.")
    return region
