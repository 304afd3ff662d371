"""What several commands take from the command line, and how its values are read."""

import argparse
from pathlib import Path

from explainers.commands.run import RAY
from explainers.commands.segment_files import MAPS
from explainers.nave.settings import SCALINGS, NaveSettings
from explainers.results.exports import FORMATS


def add_images(parser: argparse.ArgumentParser) -> None:
    """Adds the images that a command works on."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image file, or a folder of them")
    parser.add_argument("--bands", type=bands, default=(), metavar="R,G,B", help="shown of files with more than three; from 1")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Adds where it is computed."""
    parser.add_argument("--on", choices=(RAY,), help="where it is computed: a cluster of Ray (RAY_ADDRESS); default: here")


def add_clustering(parser: argparse.ArgumentParser) -> None:
    """Adds what decides segmentation maps, whatever the encoder."""
    default = NaveSettings()
    parser.add_argument("--clusters", type=clusters, default=(2, 20), metavar="MIN:MAX", help="range of k (default: 2:20)")
    parser.add_argument("--size", type=int, default=default.input_size, help="input size in pixels (default: %(default)s)")
    parser.add_argument("--scaling", choices=SCALINGS, default=default.scaling, help="of the depths (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")


def depths(text: str) -> tuple[int, ...]:
    """Depths as in 2,5,8."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of depths like 2,5,8") from None


def bands(text: str) -> tuple[int, ...]:
    """Bands as in 4,3,2, or one alone."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not one band or three, counted from 1, like 4,3,2")
    return numbers


def clusters(text: str) -> tuple[int, int]:
    """A range of k as in 2:20."""
    try:
        low, high = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a range like 2:20") from None
    return low, high


def formats(text: str) -> tuple[str, ...]:
    """Formats as in coco,yolo, each once."""
    names, known = tuple(dict.fromkeys(part.strip() for part in text.split(","))), (MAPS, *FORMATS)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"'{unknown[0]}' is not a format; choose among {', '.join(known)}")
    return names
