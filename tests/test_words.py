"""The words of labels, help, messages and docstrings, held to the glossary (assets/docs/glossary.md).

A word that the glossary sets in `code` in the last column of a table must not occur. What may occur nevertheless stands in
ALLOWED, with its context. Docstrings stand alone, those of public functions on arrays state shapes; variables say what they are.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest

from tests.house import ROOT, Source, array_functions, read_sources, same_docstrings, states_shape, vague_variables

GLOSSARY = ROOT / "assets/docs/glossary.md"
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(path for path in sorted((ROOT / "assets/docs").glob("*.md")) if path != GLOSSARY),
    ROOT / "tests/benchmarks/RESULTS.md",
]
SOURCES = read_sources(ROOT)
FOLDERS = sorted({source.path.parent.as_posix() for source in SOURCES})

ALLOWED = {  # a word of the glossary's last column: the contexts in which it is another word
    "feature": [r"features? maps?", r"Feature Attribution", r"deep feature factorization"],  # a paper's title, a method's name
    "level": [r"significance levels?", r"gr[ae]y levels?"],
    "mask": [  # drawn by people, and what formats of other tools call so
        *(
            r"(boolean|true|your) masks?",
            r"masks of objects",
            r"within the mask",
            r"the mask decides",
            r"(brush|PNG|RLE) masks?",
            r"masks (and|or) boxes",
        ),
    ],
    "score": [r"TCAV scores?", r"score maps?"],  # the published name; <x, c> in the notation of composite.py
    "confidence": [r"confidence intervals?"],
    "direction": [r"direction of the activations?", r"random direction"],  # of a vector, without its length; on a plane
    "is no": [r"(there|here) is no", r"is no (longer|more|less|better|worse)"],
}


class Text(NamedTuple):
    """A docstring or another text of the source."""

    place: str  # file:line
    text: str


# --- the glossary -----------------------------------------------------------------------------------------------------------


@cache
def unwanted_words() -> tuple[str, ...]:
    """The words in `code` in the last column of the glossary's tables."""
    rows = [line.split("|")[1:-1] for line in GLOSSARY.read_text().splitlines() if line.startswith("|")]
    return tuple(word for row in rows for word in re.findall(r"`([^`]+)`", row[-1]))


def offences(word: str, text: str) -> list[str]:
    """Where a text has the word or its plural, outside of the contexts that are allowed; with what stands around it."""
    for context in ALLOWED.get(word, ()):
        text = re.sub(rf"\b{context}\b", lambda match: "_" * len(match[0]), text, flags=re.IGNORECASE)
    found = re.finditer(rf"\b{word}s?\b", text, re.IGNORECASE)
    return [text[max(0, match.start() - 30) : match.end() + 30].replace("\n", " ") for match in found]


# --- the texts --------------------------------------------------------------------------------------------------------------


def texts_of(source: Source) -> Iterator[Text]:
    """Docstrings, and strings that a person may read: those with a blank, and words that begin with a capital letter.

    What stands between `backticks` is code.
    """
    inside_f_strings: set[int] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr):
            inside_f_strings |= {id(part) for part in node.values}
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside_f_strings:
            text = node.value
        else:
            continue
        if " " in text or text[:1].isupper():
            yield Text(f"{source.path}:{node.lineno}", re.sub(r"``.*?``|`[^`\n]*`", "`code`", text, flags=re.DOTALL))


def texts_in(folder: str) -> list[Text]:
    """The texts of the files that lie directly in a folder."""
    return [text for source in sources_in(folder) for text in texts_of(source)]


def sources_in(folder: str) -> list[Source]:
    return [source for source in SOURCES if source.path.parent.as_posix() == folder]


# --- the tests --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_uses_a_word_that_the_glossary_gives_up(folder):
    wrong = [
        f"{place}: '{word}' in '...{context}...'"
        for place, text in texts_in(folder)
        for word in unwanted_words()
        for context in offences(word, text)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_uses_a_word_that_the_glossary_gives_up(path):
    text = re.sub(r"^```.*?^```$|`[^`\n]*`|\]\([^)]*\)", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    words = [word for word in unwanted_words() if (path.name, word) != ("architecture.md", "layer")]  # of the house
    assert not [(word, context) for word in words for context in offences(word, text)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_docstring_can_stand_alone(folder):
    wrong = [f"{s.path}: {ast.get_docstring(node)}" for s in sources_in(folder) for node in same_docstrings(s)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", FOLDERS)
def test_public_functions_on_arrays_state_shapes(folder):
    wrong = [
        f"{source.path}:{node.lineno} {name}"
        for source in sources_in(folder)
        for name, node in array_functions(source)
        if not states_shape(node)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", FOLDERS)
def test_variables_say_what_they_are(folder):
    wrong = [f"{source.path}:{node.lineno}" for source in sources_in(folder) for node in vague_variables(source)]
    assert not wrong, "\n".join(wrong)


def test_the_glossary_gives_up_words():
    assert {"backbone", "layer", "feature", "told"} <= set(unwanted_words())


def test_words_are_found_whole_and_outside_of_what_is_allowed():
    assert offences("layer", "Which layers are shown?") and not offences("layer", "a multilayered LayerNorm")
    assert offences("feature", "a feature of maps") and not offences("feature", "Feature maps (C, H, W)")
    assert offences("is no", "what is no picture") and not offences("is no", "There is no picture.")
