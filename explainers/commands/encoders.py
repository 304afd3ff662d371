"""``python -m explainers encoders``: what can be opened, and what it would cost."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict

from explainers.commands.run import ALL_DONE
from models.catalog import Catalog, CatalogEntry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--json", action="store_true", help="print everything that is known, as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Prints what can be opened."""
    entries = Catalog().entries()
    print(json.dumps([asdict(entry) for entry in entries], indent=1) if parsed.json else encoder_table(entries))
    return ALL_DONE


def encoder_table(entries: Iterable[CatalogEntry]) -> str:
    """One line per encoder, under a heading."""
    rows = [("NAME", "TITLE", "FAMILY", "PARAMETERS", "STATE", "CLASSIFIER")]
    for entry in entries:
        size = "?" if entry.n_parameters is None else f"{entry.n_parameters / 1e6:.1f} M"
        rows.append((entry.name, entry.title, entry.family, size, entry.state, "yes" if entry.has_classifier else "no"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
