"""Who may import whom (DESIGN.md): pages -> explainers.service -> {explainers.*, models}; the science knows neither."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SERVICE_SIDE = {
    "service",
    "comparing",
    "comparison",
    "explaining",
    "explanations",
    "inputs",
    "library",
    "packs",
    "photo_explaining",
    "records",
    "segmenting",
    "sets",
    "store",
    "__main__",
}
FORBIDDEN = {
    "science": {"streamlit", "timm", "models", "pages", "explainers.service", "explainers.library"},
    "service": {"streamlit", "timm", "pages"},
    "models": {"streamlit", "explainers", "pages"},
    "pages": {"timm"},
}


def imported_names(path: Path) -> set[str]:
    """Every dotted module that a file imports, with the names taken from it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer_of(path: Path) -> str:
    top = path.relative_to(ROOT).parts[0]
    if top == "explainers":
        return "service" if path.stem in SERVICE_SIDE else "science"
    return "pages" if top in ("pages", "app.py") else "models"


def breaks(name: str, forbidden: set[str]) -> bool:
    return any(name == f or name.startswith(f + ".") for f in forbidden)


DRAWING = ("explainers/heat.py", "explainers/looks.py", "explainers/overlay.py", "explainers/partitions.py")
SOURCES = sorted(p for pattern in ("app.py", "pages/**/*.py", "explainers/**/*.py", "models/**/*.py") for p in ROOT.glob(pattern))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_import_arrows(path):
    layer = layer_of(path)
    allowed = "explainers.errors" if layer == "models" else "\0"  # the one family of errors is everybody's
    offending = {n for n in imported_names(path) if breaks(n, FORBIDDEN[layer]) and not n.startswith(allowed)}
    assert not offending, f"{path.relative_to(ROOT)} is {layer} and must not import {sorted(offending)}"


def test_a_forbidden_import_is_seen(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import streamlit as st\nfrom models.catalog import Catalog\n")
    assert {n for n in imported_names(wrong) if breaks(n, FORBIDDEN["science"])} == {"streamlit", "models.catalog.Catalog"}


def test_there_is_something_to_check():
    assert len(SOURCES) > 8


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_pickle_and_no_assert(path):
    tree = ast.parse(path.read_text())
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    assert not {n.split(".")[0] for n in imported_names(path)} & {"pickle", "joblib", "dill", "shelve"}


@pytest.mark.parametrize("file", [*DRAWING, *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("pages/**/*.py"))])
def test_what_pages_draw_with_needs_no_torch(file):
    """A page's thread with OpenMP threads of its own makes the service's worker twice as slow (explainers/heat.py)."""
    assert not any(breaks(name, {"torch"}) for name in imported_names(ROOT / file))
