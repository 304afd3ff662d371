"""``python -m explainers saliency``: a second opinion on a class in images, written to one JSON file.

Grad-CAM and plain integrated gradients beside Visual-TCAV's evidence at one depth, each with its deletion and insertion curve
beside those of random orders. The schema of the file is described in assets/docs/formats.md.
"""

import argparse

from explainers.commands import one_file
from explainers.commands.about_concepts import add_encoder_and_depth, add_seed_size_and_file
from explainers.commands.one_file import Command
from explainers.results.records import saliency_record
from explainers.saliency.settings import SaliencySettings
from explainers.service.photo_questions import AskSecondOpinion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = SaliencySettings()
    add_encoder_and_depth(parser, "whose maps are computed; shallow is 0")
    parser.add_argument("--class", dest="class_idx", type=int, metavar="N", help="(default: the most probable one)")
    parser.add_argument("--steps", type=int, default=default.n_steps, help="of integrated gradients (default: %(default)s)")
    parser.add_argument("--shares", type=int, default=default.n_shares, help="steps of a curve (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=default.n_random, help="random ones, for chance (default: %(default)s)")
    add_seed_size_and_file(parser, default.seed)


def run(parsed: argparse.Namespace) -> int:
    """Asks a second opinion on every image."""
    settings = SaliencySettings(
        depths=(parsed.depth,),
        class_idx=parsed.class_idx,
        n_steps=parsed.steps,
        n_shares=parsed.shares,
        n_random=parsed.orders,
        input_size=parsed.size,
        seed=parsed.seed,
    )
    command = Command(
        lambda photo: AskSecondOpinion(parsed.encoder, photo, settings),
        lambda images, _of_class, failed: saliency_record(images, failed),
    )
    return one_file.run(parsed, lambda work: command)
