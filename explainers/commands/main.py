"""The command line, over the same service as the dashboard.

    python -m explainers encoders [--json]
    python -m explainers segment IMAGE... --encoder NAME_OR_FOLDER --out DIR [--together]
    python -m explainers similar IMAGE... --encoder NAME_OR_FOLDER --at X,Y --out DIR [--together]
    python -m explainers attribute IMAGE... --encoder NAME_OR_FOLDER --depth D --concept FOLDER_OR_NAME... --out FILE.json
    python -m explainers intervene IMAGE... --encoder NAME_OR_FOLDER --depth D --concept FOLDER_OR_NAME... --out FILE.json
    python -m explainers saliency IMAGE... --encoder NAME_OR_FOLDER --depth D --out FILE.json
    python -m explainers words IMAGE... --encoder NAME_OR_FOLDER --word WORD... --out FILE.json
    python -m explainers compare IMAGE... --encoder A --encoder B [...] --out DIR
    python -m explainers index DATA --encoder NAME_OR_FOLDER --out DIR
    python -m explainers check INDEX --forbid CONCEPT... [--junit FILE]
    python -m explainers changes DATA --encoder OLD --encoder NEW --out FILE.json
    python -m explainers study NAME [--encoders NAME_OR_FOLDER...] [--seeds 5] [--photos N] --out DIR

Exit status: 0 every image was done; 1 some were not (each is named on stderr); 2 none was, or the request makes no sense.
"""

import argparse
import sys
from collections.abc import Sequence

from explainers.commands import (
    attribute,
    changes,
    check,
    compare,
    encoders,
    index,
    intervene,
    saliency,
    segment,
    similar,
    study,
    words,
)
from explainers.commands.run import INTERRUPTED, NOTHING_DONE
from models.errors import EncoderscopeError

COMMANDS = {  # name -> module with add_arguments and run, and what the command is for
    "encoders": (encoders, "list the encoders that can be opened"),
    "segment": (segment, "NAVE segmentation maps of images"),
    "attribute": (attribute, "Visual-TCAV: what concepts contribute to classes"),
    "intervene": (intervene, "what changes for classes if concepts are taken away"),
    "saliency": (saliency, "Grad-CAM and integrated gradients beside it, with deletion and insertion curves"),
    "similar": (similar, "how similar every pixel is to a place"),
    "words": (words, "what an encoder makes of words, by way of a text tower"),
    "compare": (compare, "several encoders on the same images"),
    "index": (index, "what an encoder makes of a whole data set, part by part"),
    "check": (check, "a gate before a release: does an encoder rest on what it must not?"),
    "changes": (changes, "what changes from one encoder to another over a whole data set"),
    "study": (study, "what the papers claim, measured against truth"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status."""
    parsed = parser().parse_args(arguments)
    try:
        return parsed.run(parsed)
    except EncoderscopeError as error:
        print(error, file=sys.stderr)
        return NOTHING_DONE
    except KeyboardInterrupt:
        print("Stopped. What was finished is complete.", file=sys.stderr)
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    whole = argparse.ArgumentParser(prog="python -m explainers", description="Look inside frozen vision encoders.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, (command, meaning) in COMMANDS.items():
        of_command = commands.add_parser(name, help=meaning)
        command.add_arguments(of_command)
        of_command.set_defaults(run=command.run)
    return whole
