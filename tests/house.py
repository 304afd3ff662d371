"""Measures the source as a house, and draws its floors.

    python -m tests.house                                   the figures, printed
    python -m tests.house --root OTHER_CHECKOUT             those of another state
    python -m tests.house --svg assets/docs/architecture.svg    the drawing

    layer   app.py, pages, explainers, models
    room    a folder with Python directly in a layer, with all below it; a file that lies directly in a layer is a room as well
    arrow   from a room to another of the same layer that it imports
    floors  rooms on the longest path along arrows

Nothing is imported: all of it is read from the text of the files.
"""

import argparse
import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
LAYERS = ("pages", "explainers", "models")
VAGUE = {"found", "told", "one", "asked"}
ARRAYS = {"ndarray", "Tensor", "Array", "NDArray"}
_TERM = r"[\w.*]+(?:\s*[-+*/]\s*[\w.]+)*"
_SHAPE = re.compile(rf"\({_TERM},(?:\s*{_TERM},?)*\s*\)|\(\)|\b(?:scalars?|same shape|any shape)\b")  # (C, H, W), (k,), ()
_NOT_LOOKED_INTO = {"Callable", "Literal", "dict", "Mapping"}  # functions of arrays; tensors by name, as in a file of weights

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


# --- what is read ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """One file of the product, parsed."""

    path: Path  # relative to the root
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def n_lines(self) -> int:
        return self.text.count("\n")


def read_sources(root: Path) -> list[Source]:
    """Every Python file of app.py and the layers."""
    paths = [*root.glob("app.py"), *(path for layer in LAYERS for path in sorted((root / layer).rglob("*.py")))]
    return [Source(path.relative_to(root), path.read_text()) for path in paths]


def functions_of(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Functions and methods with their dotted names; not those inside other functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node, f"{prefix}{node.name}.")
        elif isinstance(node, Function):
            yield f"{prefix}{node.name}", node


def documented_of(tree: ast.Module) -> Iterator[Documented]:
    """The module, and every class and function in it, also nested ones."""
    return (node for node in ast.walk(tree) if isinstance(node, Documented))


# --- docstrings and functions ---------------------------------------------------------------------------------------------


def is_public(name: str) -> bool:
    """Whether no part of a dotted name is private; a special method is public where people call it."""
    return not any(part.startswith("_") and part != "__call__" for part in name.split("."))


def names_arrays(annotation: ast.AST | None) -> bool:
    """Whether an annotation is an array or a sequence of arrays."""
    if annotation is None:
        return False
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return names_arrays(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.Subscript) and _last_name(annotation.value) in _NOT_LOOKED_INTO:
        return False
    if _last_name(annotation) in ARRAYS:
        return True
    return any(names_arrays(part) for part in ast.iter_child_nodes(annotation))


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def on_arrays(function: Function) -> bool:
    """Whether a function takes or returns arrays, by its annotations."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return names_arrays(function.returns) or any(names_arrays(a.annotation) for a in every if a is not None)


def states_shape(function: Function) -> bool:
    """Whether the docstring has a shape such as (C, H, W) or (n,)."""
    return bool(_SHAPE.search(ast.get_docstring(function) or ""))


def array_functions(source: Source) -> list[tuple[str, Function]]:
    """The public functions and methods of a file that take or return arrays."""
    named = functions_of(source.tree)
    return [(name, node) for name, node in named if is_public(name) and on_arrays(node) and not _is_overload(node)]


def _is_overload(function: Function) -> bool:
    return any(_last_name(decorator) in {"overload", "setter"} for decorator in function.decorator_list)


def same_docstrings(source: Source) -> list[Documented]:
    """What has a docstring that begins with "The same", so that it cannot stand alone."""
    return [node for node in documented_of(source.tree) if (ast.get_docstring(node) or "").startswith("The same")]


def called_once(source: Source) -> list[Function]:
    """The private functions and methods of a file that the file names once beside their definition, to call them."""
    nodes = list(ast.walk(source.tree))
    uses = Counter(_last_name(node) for node in nodes if isinstance(node, (ast.Name, ast.Attribute)))
    calls = Counter(_last_name(node.func) for node in nodes if isinstance(node, ast.Call))
    private = (node for _, node in functions_of(source.tree) if _is_private(node.name))
    return [node for node in private if uses[node.name] == calls[node.name] == 1]


def vague_variables(source: Source) -> list[ast.Name | ast.arg]:
    """Where a variable or a parameter gets a name that does not say what it is."""
    nodes = ast.walk(source.tree)
    named = (
        node for node in nodes if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    )
    return [node for node in named if (node.arg if isinstance(node, ast.arg) else node.id) in VAGUE]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def n_body_lines(function: Function) -> int:
    """Lines of a function below its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


# --- rooms, floors, arrows --------------------------------------------------------------------------------------------------


def module_names(source: Source) -> set[str]:
    """Every dotted name that a file imports, with the names taken from it: some are modules, some are not."""
    names = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def room_of(path: Path) -> str | None:
    """The room of a file, as "explainers/nave"; None for app.py and for a layer's own __init__ and __main__."""
    if len(path.parts) < 2 or (len(path.parts) == 2 and path.stem.startswith("__")):
        return None
    return f"{path.parts[0]}/{Path(path.parts[1]).stem}"


def arrows(sources: list[Source]) -> dict[str, set[str]]:
    """Which room imports which others."""
    rooms = {room for source in sources if (room := room_of(source.path))}
    graph: dict[str, set[str]] = {room: set() for room in sorted(rooms)}
    for source in sources:
        if room := room_of(source.path):
            imported = {"/".join(name.split(".")[:2]) for name in module_names(source)}
            graph[room] |= (imported & rooms) - {room}
    return graph


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """The floor of every room: one above the highest room that it imports, the lowest is 0."""
    floor: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        floor[room] = max((floor[other] + 1 for other in graph[room]), default=0)
    return floor


def within(graph: dict[str, set[str]], layer: str) -> dict[str, set[str]]:
    """The rooms of one layer with the arrows between them."""
    rooms = {room for room in graph if room.startswith(f"{layer}/")}
    return {room: graph[room] & rooms for room in graph if room in rooms}


def without_shortcuts(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that no longer way along other arrows replaces."""
    reached: dict[str, set[str]] = {}
    for room in TopologicalSorter(graph).static_order():
        reached[room] = graph[room].union(*(reached[other] for other in graph[room]))
    return {room: others - set().union(*(reached[other] for other in others)) for room, others in graph.items()}


# --- figures ----------------------------------------------------------------------------------------------------------------


def layer_rows(sources: list[Source]) -> list[dict[str, object]]:
    """Per layer: rooms, floors, arrows, files in its fullest room, lines."""
    graph, rows = arrows(sources), []
    for layer in LAYERS:
        part = within(graph, layer)
        files = Counter(room_of(source.path) for source in sources if source.path.parts[0] == layer)
        fullest, n_files = Counter({room: files[room] for room in part}).most_common(1)[0]
        rows.append(
            {
                "layer": layer,
                "rooms": len(part),
                "floors": max(floors(part).values()) + 1,
                "arrows": sum(map(len, part.values())),
                "fullest room": f"{fullest} ({n_files} files)",
                "lines": sum(source.n_lines for source in sources if source.path.parts[0] == layer),
            }
        )
    return rows


def figures(root: Path) -> dict[str, object]:
    """Everything that is counted over the whole house."""
    sources = read_sources(root)
    once = [function for source in sources for function in called_once(source)]
    on_array = [node for source in sources for _, node in array_functions(source)]
    longest = sorted(sources, key=lambda source: -source.n_lines)[:3]
    return {
        "private functions called exactly once": len(once),
        "of these with a body of one or two lines": sum(n_body_lines(function) <= 2 for function in once),
        'docstrings that begin with "The same"': sum(len(same_docstrings(source)) for source in sources),
        "public functions on arrays": len(on_array),
        "of these without a shape in the docstring": sum(not states_shape(function) for function in on_array),
        f"variables named {', '.join(sorted(VAGUE))}": sum(len(vague_variables(source)) for source in sources),
        "largest files": ", ".join(f"{source.path} {source.n_lines}" for source in longest),
        "words in README.md": len((root / "README.md").read_text().split()),
    }


def report(root: Path) -> str:
    """The figures as Markdown."""
    rows = layer_rows(read_sources(root))
    names = list(rows[0])
    table = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    lines = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join([*lines, "", *(f"* {name}: {figure}" for name, figure in figures(root).items())])


# --- the drawing ------------------------------------------------------------------------------------------------------------

WIDTH, MARGIN, BAND = 1220, 16, 192  # px: of the drawing, around it, of the column with the layers' names
BOX_WIDTH, BOX_HEIGHT, FLOOR_HEIGHT, LAYER_GAP = 190, 97, 127, 40
STYLE = """
  text { font: 11px system-ui, sans-serif; fill: #fff }
  .room { fill: #1B6B87 } .name { font-size: 13px; font-weight: 650 }
  .layer { fill: #7A8890; font-size: 18px; font-weight: 650 } .below { fill: #7A8890; font-size: 12px }
  .band { fill: #7A8890; fill-opacity: .12 } .arrow { fill: none; stroke: #7A8890; stroke-width: 1.3 } .head { fill: #7A8890 }
"""


@dataclass(frozen=True)
class Box:
    """A room in the drawing."""

    name: str
    about: str
    x: float
    y: float

    @property
    def middle(self) -> float:
        return self.x + BOX_WIDTH / 2


def drawing(root: Path) -> str:
    """The floors as SVG: a band a layer, a row a floor, a box a room; arrows that a longer way replaces are left out.

    Arrows from layer to layer are written instead: below a layer's name stands what it imports of the layers below.
    """
    sources = read_sources(root)
    graph = arrows(sources)
    loose = {room for room in graph if any(source.path.with_suffix("").as_posix() == room for source in sources)}
    parts, y = [], float(MARGIN)
    for layer in LAYERS:
        part = with_one_room_for(loose, within(graph, layer), f"{layer}/*.py")
        about = {room: sentence_of(root, room) for room in part}
        about[f"{layer}/*.py"] = ", ".join(room.split("/")[1] for room in sorted(loose & set(within(graph, layer))))
        boxes = placed(part, about, y)
        height = max(box.y for box in boxes.values()) + BOX_HEIGHT + MARGIN - y
        shown = without_shortcuts(part)
        parts += [_drawn_band(layer, y, height, imported_below(graph, layer))]
        parts += [_drawn_arrow(boxes[room], boxes[other]) for room in shown for other in sorted(shown[room])]
        parts += [_drawn_box(box) for box in boxes.values()]
        y += height + LAYER_GAP
    return _page("\n".join(parts), y - LAYER_GAP + MARGIN)


def with_one_room_for(rooms: set[str], graph: dict[str, set[str]], name: str) -> dict[str, set[str]]:
    """The graph with some rooms made one, under a new name."""
    joined: dict[str, set[str]] = {}
    for room, others in graph.items():
        joined.setdefault(name if room in rooms else room, set()).update(name if o in rooms else o for o in others)
    return {room: others - {room} for room, others in joined.items()}


def imported_below(graph: dict[str, set[str]], layer: str) -> list[str]:
    """What a layer imports of each other layer, as "models: catalog, photo"."""
    imported = set().union(*(others for room, others in graph.items() if room.startswith(f"{layer}/")))
    of = {other: sorted(room.split("/")[1] for room in imported if room.startswith(f"{other}/")) for other in LAYERS}
    return [f"{other}: {', '.join(rooms)}" for other, rooms in of.items() if rooms and other != layer]


def placed(part: dict[str, set[str]], about: dict[str, str], top: float) -> dict[str, Box]:
    """A box for every room of a layer; a room stands as near as it can below those that import it."""
    floor = floors(part)
    highest = max(floor.values())
    boxes: dict[str, Box] = {}
    for level in range(highest, -1, -1):
        row = sorted((room for room in part if floor[room] == level), key=lambda room: _wanted_x(room, part, boxes))
        for n, room in enumerate(row):
            x = MARGIN + BAND + (n + 0.5) * (WIDTH - BAND - 2 * MARGIN) / len(row) - BOX_WIDTH / 2
            boxes[room] = Box(room.split("/")[1], about[room], x, top + MARGIN + (highest - level) * FLOOR_HEIGHT)
    return boxes


def _wanted_x(room: str, part: dict[str, set[str]], boxes: dict[str, Box]) -> tuple[float, str]:
    above = [box.x for other, box in boxes.items() if room in part[other]]
    return sum(above) / len(above) if above else 0.0, room


def sentence_of(root: Path, folder: str) -> str:
    """What a folder is: the first sentence of its own docstring; of a page, that of its page.py."""
    path = next((path for name in ("page.py", "__init__.py") if (path := root / folder / name).exists()), None)
    text = ast.get_docstring(ast.parse(path.read_text())) if path else ""
    return (text or "").split("\n")[0].split(". ")[0].rstrip(".")


def _page(body: str, height: float) -> str:
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    marker = f'{head}<path class="head" d="M0 0 8 4 0 8z"/></marker>'
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n<defs>{marker}</defs>\n{body}\n</svg>\n'


def _drawn_band(layer: str, y: float, height: float, below: list[str]) -> str:
    wrapped = [line for text in below for line in ["", *textwrap.wrap(text, 26)]]
    lines = ["imports of the layers below", *wrapped] if below else ["imports nothing else of ours"]
    texts = (f'<text class="below" x="{MARGIN + 12}" y="{y + 48 + 15 * n}">{line}</text>' for n, line in enumerate(lines))
    rect = f'<rect class="band" x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="10"/>'
    return f'{rect}<text class="layer" x="{MARGIN + 12}" y="{y + 28}">{layer}</text>{"".join(texts)}'


def _drawn_box(box: Box) -> str:
    lines = textwrap.wrap(box.about, 29)[:5]
    about = "".join(f'<text x="{box.x + 9}" y="{box.y + 36 + 13 * n}">{escape(line)}</text>' for n, line in enumerate(lines))
    rect = f'<rect class="room" x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
    return f'{rect}<text class="name" x="{box.x + 9}" y="{box.y + 19}">{escape(box.name)}</text>{about}'


def _drawn_arrow(above: Box, below: Box) -> str:
    start, end = above.y + BOX_HEIGHT, below.y - 2
    bend = min(60.0, (end - start) / 2)
    path = f"M{above.middle} {start} C{above.middle} {start + bend} {below.middle} {end - bend} {below.middle} {end}"
    return f'<path class="arrow" d="{path}" marker-end="url(#head)"/>'


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--svg", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(report(options.root))
    if options.svg:
        options.svg.write_text(drawing(options.root))


if __name__ == "__main__":
    main()
