"""A part becomes a concept of the library in one click: its regions on their photos, with the rest of the same photos as random
counterpart."""

from functools import partial

import streamlit as st

from explainers.datasets.findings import Audit
from explainers.datasets.index import Index
from explainers.datasets.originals import originals_of
from explainers.datasets.part_examples import MOST_PHOTOS, part_examples
from explainers.library.sets import MAX_NAME
from models.errors import BadConcept
from pages.common import jobs, made_concepts
from pages.common.ledger import Ledger
from pages.common.made_concepts import Change, free_name

LEDGER = Ledger("audit", "library")
_HELP = (
    f"Keeps the part as a concept of the library: all of it in each of at most {MOST_PHOTOS} photos of the class is an example, "
    "and the other parts of the same photos are what it is compared with. Then Explain says what it contributes. Can be undone."
)


def offer(index: Index, audit: Audit, class_idx: int, part: int) -> None:
    """Draws the button."""
    if st.button("Make this part a concept", key="part to concept", icon=":material/category:", help=_HELP):
        LEDGER.attempt(partial(make, index, audit, class_idx, part))


def make(index: Index, audit: Audit, class_idx: int, part: int) -> Change:
    """The part as a concept of the library; raises MissingPhotos where the photos are gone, BadConcept where nothing else is in
    them."""
    library = jobs.service().library
    examples = part_examples(index, originals_of(index), audit.k, part, class_idx)
    if not examples.random:
        raise BadConcept("There is nothing to compare the part with: it fills its photos. Choose another part, or more parts.")
    name = free_name(library, f"part {part} of {audit.k}, {audit.class_names[class_idx]}"[:MAX_NAME].strip())
    concept = library.add_examples(name, "concept", examples.concept).image_set
    random_name = free_name(library, f"not {name}"[:MAX_NAME].strip(), "random")
    random = library.add_examples(random_name, "random", examples.random).image_set
    sentence = (
        f"'{concept.name}' is a concept now: {concept.counted}, against the random counterpart '{random.name}' "
        f"({random.counted})."
    )
    return Change(sentence, f"'{concept.name}' was removed again.", (concept, random), random.name)


def bar(index: Index) -> None:
    """Draws the concept that was made last, with its undo."""
    made_concepts.bar(LEDGER, index.encoder_name, {})
