"""The house (assets/docs/architecture.md): a layer is a folder, and a folder imports only what its row names."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SCIENCE = {
    *("explainers/drawing", "explainers/maps", "explainers/nave", "explainers/visual_tcav", "explainers/interventions"),
    *("explainers/saliency", "explainers/dictionaries"),
}
MODELS = {"models", "models/photo", "models/encoder", "models/catalog", "models/text"}
SERVED = {*SCIENCE, *MODELS, "explainers/runtime", "explainers/library", "explainers/truth", "explainers/results"}
FOR_PAGES = {
    *("models", "models/photo", "models/catalog", "models/scenes"),
    *("explainers/runtime", "explainers/library", "explainers/truth", "explainers/results", "explainers/service"),
    *("explainers/studies", "explainers/datasets"),
    *SCIENCE,
}

MAY_IMPORT = {  # every folder with Python in it, and the folders of ours that it may import; "" is the top level
    "models": set(),
    "models/photo": {"models"},
    "models/encoder": {"models", "models/photo"},
    "models/catalog": {"models", "models/photo", "models/encoder"},
    "models/text": {"models", "models/photo"},
    "models/scenes": {"models"},
    "models/training": {"models", "models/encoder", "models/scenes"},
    "explainers/runtime": {"models"},
    "explainers/drawing": set(),
    "explainers/maps": {"models", "explainers/drawing"},
    "explainers/nave": {"models", "explainers/maps"},
    "explainers/integrated_gradients": {"models", "explainers/runtime"},
    "explainers/visual_tcav": {"models", "explainers/integrated_gradients"},
    "explainers/interventions": {"models", "explainers/runtime", "explainers/visual_tcav"},
    "explainers/saliency": {"models", "explainers/visual_tcav"},
    "explainers/dictionaries": {"models", "explainers/maps", "explainers/visual_tcav"},
    "explainers/library": {"models", "models/photo", "explainers/runtime"},
    "explainers/truth": {"models", "explainers/drawing", "explainers/maps"},
    "explainers/results": {"models", "models/encoder", "models/photo", *SCIENCE},
    "explainers/service": {*SERVED, "explainers/integrated_gradients"},
    "explainers/studies": {*SERVED, "explainers/service", "models/scenes"},
    "explainers/datasets": {*SERVED, "explainers/service", "models/scenes"},
    "explainers/commands": {*SERVED, "explainers/service", "explainers/studies", "explainers/datasets"},
    "explainers": {"explainers/commands"},
    "pages": set(),
    "pages/common": FOR_PAGES,
    "pages/common/live_view": FOR_PAGES,
    "pages/explore": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/concepts": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/explain": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/compare": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/audit": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/study": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/encoders": {*FOR_PAGES, "pages/common", "pages/common/live_view"},
    "pages/notebook": {*FOR_PAGES, "pages/common/live_view"},
    "pages/server": {*FOR_PAGES, "pages/common"},
    "": {"pages/common", "pages/server"},  # app.py names its pages by address; the server warms up while it starts
}
ONLY_IN = {
    **{
        "streamlit": ("", "pages"),
        "timm": ("models",),
        "ray": ("explainers/runtime", "explainers/service", "explainers/datasets"),
        "captum": ("explainers/saliency",),
    },
    "open_clip": ("models/text",),
}
NOT_IN = {"torch": ("pages", "explainers/drawing")}  # OpenMP threads of a page make the service's worker twice as slow
NOWHERE = {"pickle", "joblib", "dill", "shelve"}

SOURCES = sorted(p for pattern in ("*.py", "pages/**/*.py", "explainers/**/*.py", "models/**/*.py") for p in ROOT.glob(pattern))


def folder_of(path: Path) -> str:
    """The folder of a source file, as the table names it."""
    return path.relative_to(ROOT).parent.as_posix().removesuffix(".")


@cache
def imported_modules(path: Path) -> set[str]:
    """Every dotted module that a file imports; ``from a import b`` names ``a.b`` where that is a module, else ``a``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if is_file(name) or is_package(name) else node.module for name in inside}
    return names


def is_file(module: str) -> bool:
    return (ROOT / f"{module.replace('.', '/')}.py").is_file()


def is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/") / "__init__.py").is_file()


def imported_folders(path: Path) -> set[str]:
    """The folders of ours that a file imports from."""
    names = imported_modules(path)
    of_files = {name.rpartition(".")[0].replace(".", "/") for name in names if is_file(name)}
    return of_files | {name.replace(".", "/") for name in names if is_package(name)}


@cache
def arrows() -> dict[str, set[str]]:
    """Which folder imports which others."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        found.setdefault(folder_of(path), set()).update(imported_folders(path) - {folder_of(path)})
    return found


def lies_in(folder: str, places: tuple[str, ...]) -> bool:
    return any(folder == place or (place and folder.startswith(f"{place}/")) for place in places)


def test_every_folder_has_its_row_and_every_row_its_folder():
    assert set(arrows()) == set(MAY_IMPORT)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_its_row_names(folder):
    forbidden = arrows()[folder] - MAY_IMPORT[folder]
    assert not forbidden, f"{folder} must not import {sorted(forbidden)}"


def test_no_folder_imports_itself_through_others():
    try:
        TopologicalSorter(arrows()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_packages_stay_where_they_belong(path):
    folder, packages = folder_of(path), {name.split(".")[0] for name in imported_modules(path)}
    stray = {name for name, places in ONLY_IN.items() if name in packages and not lies_in(folder, places)}
    unwanted = {name for name, places in NOT_IN.items() if name in packages and lies_in(folder, places)}
    assert not stray | unwanted | (packages & NOWHERE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_assert_outside_tests(path):
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))


def test_forbidden_imports_are_seen(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import streamlit as st\nfrom models.catalog import Catalog\nfrom explainers.nave import kmeans\n")
    assert imported_folders(wrong) == {"models/catalog", "explainers/nave"}
    assert "streamlit" in {name.split(".")[0] for name in imported_modules(wrong)}
