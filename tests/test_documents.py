"""The documents say what is there: their commands run, their links lead somewhere, every variable is described."""

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import parser
from models.scenes.scenes import render, sample_scene
from models.version import __version__
from tests.house import ROOT, arrows, drawing, read_sources

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "assets/docs").glob("*.md"))]
RESULTS = ROOT / "tests/benchmarks/RESULTS.md"
EVERY = [*DOCUMENTS, RESULTS]
CARDS = sorted((ROOT / "assets/encoders").glob("*/README.md"))
README_LINES = 130
FIRST_WORDS = {"docker", "pip", "pre-commit"}  # commands of others, which are taken at their word
VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)(?:=1)?`")


def of(path: Path) -> str:
    """How a test names a document."""
    return path.relative_to(ROOT).as_posix()


# --- commands -----------------------------------------------------------------------------------------------------------------


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Fenced blocks: language and content."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def commands(text: str) -> list[list[str]]:
    """The commands in fenced blocks without a language, in words, without their comments."""
    lines = [line for language, block in blocks(text) if language in ("", "bash") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


ALL_COMMANDS = [
    pytest.param(words, id=f"{of(path)}: {shlex.join(words)}") for path in EVERY for words in commands(path.read_text())
]


@pytest.mark.parametrize("words", ALL_COMMANDS)
def test_a_command_of_the_documents_can_be_run(words):
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
    elif words[:3] == ["python", "-m", "explainers"]:
        parser().parse_args(words[3:])
    elif words[:2] == ["python", "-m"]:
        assert is_module(words[2])
    else:
        assert words[0] in FIRST_WORDS


def is_module(name: str) -> bool:
    """Whether ``python -m name`` would find something to run."""
    spec = importlib.util.find_spec(name)
    return spec is not None and (spec.submodule_search_locations is None or is_module(f"{name}.__main__"))


@pytest.mark.parametrize(
    "path", [*EVERY, *(ROOT / s.path for s in read_sources(ROOT)), *sorted(ROOT.glob("tests/**/*.py"))], ids=of
)
def test_modules_that_a_text_would_have_run_exist(path):
    names = set(re.findall(r"python -m ((?:explainers|models|tests)[\w.]*\w)", path.read_text()))
    assert not [name for name in names if not is_module(name)]


@pytest.mark.parametrize("path", EVERY, ids=of)
def test_benchmarks_that_a_document_names_exist(path):
    from tests.benchmarks.__main__ import GROUPS, TABLES

    assert set(re.findall(r"python -m tests\.benchmarks (\w+)", path.read_text())) <= {*GROUPS, *TABLES}


def test_every_option_of_the_command_line_is_described():
    text = (ROOT / "assets/docs/command-line.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    (subparsers,) = (action for action in parser()._actions if action.choices)
    assert set(sections) == set(subparsers.choices)
    for name, of_command in subparsers.choices.items():
        options = {option for action in of_command._actions for option in action.option_strings if option.startswith("--")}
        assert {option for option in options - {"--help"} if option not in sections[name]} == set(), name


def test_the_notebook_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path))
    photo = tmp_path / "cat.jpg"
    Image.fromarray(render(sample_scene(1)).image).save(photo)
    ((_, code),) = (block for block in blocks((ROOT / "README.md").read_text()) if block[0] == "python")
    assert len([line for line in code.splitlines() if line]) <= 12 and "cat.jpg" in code and "resnet50.a1_in1k" in code
    names: dict = {}
    try:
        exec(code.replace("cat.jpg", str(photo)).replace("resnet50.a1_in1k", "scenes-cnn"), names)
    finally:
        if "service" in names:
            names["service"].close()
    assert names["maps"].labels.shape[0] == len(names["maps"].ks) == 19
    assert names["picture"].shape == (*names["photo"].shape, 3) and names["picture"].dtype == np.uint8


# --- variables ----------------------------------------------------------------------------------------------------------------


def variables_read() -> set[str]:
    """Names of environment variables that the source reads, and all that begin with ENCODERSCOPE_."""
    names = set()
    for path in [
        *ROOT.glob("*.py"),
        *(p for folder in ("pages", "explainers", "models", "tests") for p in (ROOT / folder).rglob("*.py")),
    ]:
        tree = ast.parse(path.read_text())
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        names |= {text for text in texts if re.fullmatch(r"(ENCODERSCOPE|OMP)_[A-Z_]+", text)}
        names |= {name for node in ast.walk(tree) for name in _read_by(node)}
    return names


def _read_by(node: ast.AST) -> Iterator[str]:
    """The constant in ``environ["X"]``, ``environ.get("X")``, ``"X" in environ`` and ``getenv("X")``."""
    pairs = {
        ast.Subscript: lambda n: (n.value, n.slice),
        ast.Call: lambda n: (n.func, n.args[0] if n.args else None),
        ast.Compare: lambda n: (n.comparators[0], n.left),
    }
    if type(node) in pairs:
        where, what = pairs[type(node)](node)
        if isinstance(what, ast.Constant) and re.search(r"\benviron(\.get)?$|\bgetenv$", ast.unparse(where)):
            yield what.value


def variables_described() -> set[str]:
    """The names in `code` in the section Variables of operating.md."""
    text = (ROOT / "assets/docs/operating.md").read_text()
    (section,) = re.findall(r"^## Variables\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    return set(VARIABLE.findall(section))


def test_every_variable_that_is_read_is_described_and_every_described_one_is_read():
    import huggingface_hub.constants

    hubs = set(re.findall(r"HF_[A-Z_]+", Path(huggingface_hub.constants.__file__).read_text()))
    read, described = variables_read(), variables_described()
    assert read - described == set()
    assert described - read - hubs == set()


def test_variables_are_found_however_they_are_read():
    tree = ast.parse('os.environ["A"]; os.environ.get("B", 1); "C" in os.environ; os.getenv("D"); environ.get(E); other["F"]')
    assert {name for node in ast.walk(tree) for name in _read_by(node)} == {"A", "B", "C", "D"}


# --- links --------------------------------------------------------------------------------------------------------------------


def links(text: str) -> list[str]:
    """Targets of links and pictures that lead to no other site."""
    without_code = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", without_code) if "://" not in target]


def anchors(text: str) -> set[str]:
    """What the headings of a document can be reached by."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", EVERY, ids=of)
def test_links_and_pictures_lead_somewhere(path):
    for target in links(path.read_text()):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.is_relative_to(ROOT) and there.exists(), target
        assert not anchor or anchor in anchors(there.read_text()), target


@pytest.mark.parametrize("path", [*CARDS, *(path for path in EVERY if path.name != "CHANGELOG.md")], ids=of)
def test_files_that_a_document_names_exist(path):
    named = re.findall(r"`((?:explainers|models|pages|tests|assets)/[\w/.-]+)`", path.read_text())
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_room_stands_in_the_architecture():
    rows = re.findall(r"^\| (.*?) \|", (ROOT / "assets/docs/architecture.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w/]+)`", row)}
    assert {room for room in arrows(read_sources(ROOT)) if (ROOT / room).is_dir()} <= named


def test_the_drawing_of_the_floors_is_that_of_the_source():
    drawn = (ROOT / "assets/docs/architecture.svg").read_text()
    assert drawn == drawing(ROOT), "draw it again: python -m tests.house --svg assets/docs/architecture.svg"


def test_the_readme_is_short_and_the_results_are_elsewhere():
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES
    assert RESULTS.is_file() and of(RESULTS) in (ROOT / "README.md").read_text()


def test_every_key_of_the_schema_of_explanations_is_described():
    text = (ROOT / "assets/docs/formats.md").read_text()
    (section,) = re.findall(r"^## Explanation\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    schema = json.loads((ROOT / "assets/docs/explanation.schema.json").read_text())
    assert keys_of(schema) - set(re.findall(r"`(\w+)`", section)) == set()
    assert f"`{schema['$id']}`" in section


def keys_of(schema: Any) -> set[str]:
    """The names of all properties that a JSON schema knows."""
    if isinstance(schema, list):
        return set().union(*map(keys_of, schema))
    if not isinstance(schema, dict):
        return set()
    return {*schema.get("properties", {})}.union(*map(keys_of, schema.values()))


def test_the_version_is_the_same_everywhere():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"{__version__}" in re.search(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]


def test_every_document_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path not in reached and path.suffix == ".md":
            reached.add(path)
            waiting += [
                (path.parent / target.partition("#")[0]).resolve() for target in links(path.read_text()) if target[0] != "#"
            ]
    assert set(EVERY) <= reached
