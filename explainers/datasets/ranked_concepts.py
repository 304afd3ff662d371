"""Concepts of the library beside parts: what the parts that respond to a concept carry together for each class, and how they go
with errors. Holm over the concepts and classes that are tested together.
"""

from dataclasses import replace

from explainers.datasets.audit import shares_of, wrong_of
from explainers.datasets.concepts import name_parts
from explainers.datasets.findings import RankedConcepts
from explainers.datasets.index import open_index
from explainers.datasets.questions import NameParts, RankConcepts
from explainers.dictionaries.failures import rank_failures
from explainers.dictionaries.ranking import classes_to_test, rank_parts
from explainers.service.observatory import Observatory
from models.progress import Progress

_NAMED = 0.9  # share of the progress at which the parts of every concept are known


def rank_concepts(question: RankConcepts, observatory: Observatory, progress: Progress) -> RankedConcepts:
    """What the parts of every concept carry together; in its rows, the number of a part is the place of the concept."""
    index = open_index(question.folder)
    naming = NameParts(question.folder, question.index_key, question.k, question.concepts, question.random)
    named = name_parts(naming, observatory, progress.part(0, _NAMED))
    at_hand = [n for n, concept in enumerate(named) if concept.parts]
    if not at_hand:
        return RankedConcepts(named, (), ())
    shares, predicted = shares_of(index, question.k), index.photos["predicted"].to_numpy()
    evidence, present = shares.together([named[n].parts for n in at_hand])
    ranked = rank_parts(evidence, present, predicted, classes_to_test(predicted), question.seed, progress.part(_NAMED, 1))
    labelled, wrong = wrong_of(index)
    failures = rank_failures(present[labelled], wrong[labelled]) if wrong.any() else []
    return RankedConcepts(
        named,
        tuple(replace(row, part=at_hand[row.part]) for row in ranked),
        tuple(replace(row, part=at_hand[row.part]) for row in failures),
    )
