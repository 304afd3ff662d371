"""``python -m explainers words``: what an encoder makes of words, by way of a text tower, written to one JSON file.

The map from the tower to the encoder is fitted on the images, so the more various they are, the better. The schema of the file is
described in assets/docs/formats.md.
"""

import argparse

from explainers.commands.about_concepts import add_seed_size_and_file
from explainers.commands.arguments import add_images, depths
from explainers.commands.inputs import picture_files, read
from explainers.commands.run import exit_status, require_writable, running
from explainers.results.files import as_json, write_bytes
from explainers.results.records import words_record
from explainers.service.photo_questions import MapWords
from explainers.visual_tcav.text import TextSettings
from models.errors import UnreadableImage
from models.photo import Photo
from models.text import TOWERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    towers = ", ".join(TOWERS)
    add_images(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--word", required=True, nargs="+", metavar="WORD", help="what is looked for, as in striped 'blue sky'")
    parser.add_argument(
        "--tower", default=next(iter(TOWERS)), help=f"{towers}, or a folder of open_clip's (default: %(default)s)"
    )
    parser.add_argument("--depths", type=depths, default=(), help="as in 2,5,8; shallow is 0 (default: every one)")
    parser.add_argument("--pairings", type=int, default=199, help="of photos at random, for chance (default: %(default)s)")
    add_seed_size_and_file(parser, 0)


def run(parsed: argparse.Namespace) -> int:
    """Maps the words by all images that can be read."""
    require_writable(parsed.out)
    settings = TextSettings(parsed.tower, parsed.depths, parsed.pairings, parsed.size, parsed.seed)
    photos: list[Photo] = []
    failed: dict[str, str] = {}
    files = picture_files(parsed.images)
    with running(len(files)) as work:
        for path in files:
            try:
                photos.append(read(path, parsed.bands))
            except (UnreadableImage, OSError) as error:
                work.complain(f"{path}: {error}")
                failed[str(path)] = str(error)
            work.image_done()
        result = work.answer(MapWords(parsed.encoder, tuple(photos), tuple(parsed.word), settings))
    write_bytes(parsed.out, as_json(words_record(result, failed)))
    return exit_status(len(photos), len(failed))
