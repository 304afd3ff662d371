"""Who answers which question: one table. Runs in the worker; what lacks memory is refused as such."""

from collections.abc import Callable, Mapping
from typing import Any

from explainers.runtime.batches import is_out_of_memory
from explainers.service import (
    comparisons,
    components,
    concepts,
    encoders,
    interventions,
    look_alikes,
    parts,
    photos,
    region_changes,
    saliency,
    words,
)
from explainers.service.observatory import Observatory
from explainers.service.part_questions import FindParts, MeasureParts
from explainers.service.photo_questions import AskSecondOpinion, CompareDepths, MapWords, MeasureCost, ReplaceRegion
from explainers.service.questions import (
    AddEncoder,
    CheckConcepts,
    Classify,
    ExplainClass,
    ExplainPhoto,
    FindComponents,
    InterveneOnClass,
    InterveneOnPhoto,
    LookAlikes,
    MapConcepts,
    MatchCheckpoint,
    OpenEncoder,
    Question,
    Segment,
    SegmentEach,
    SegmentForComparison,
    SegmentTogether,
)
from models.errors import OutOfMemory
from models.progress import Progress

Answer = Callable[[Any, Observatory, Progress], Any]  # (question of that type, observatory, progress) -> its result

ANSWERS: dict[type, Answer] = {  # by type of question
    OpenEncoder: encoders.open_encoder,
    Segment: photos.segment,
    SegmentEach: photos.segment_each,
    SegmentTogether: photos.segment_together,
    FindComponents: components.find_components,
    Classify: photos.classify,
    ExplainPhoto: concepts.explain_photo,
    ExplainClass: concepts.explain_class,
    CheckConcepts: concepts.check_concepts,
    MapConcepts: concepts.map_concepts,
    LookAlikes: look_alikes.look_alikes,
    MeasureParts: parts.measure_parts,
    FindParts: parts.find_parts,
    InterveneOnPhoto: interventions.intervene_on_photo,
    InterveneOnClass: interventions.intervene_on_class,
    AskSecondOpinion: saliency.second_opinion,
    ReplaceRegion: region_changes.replace_region,
    MapWords: words.map_words,
    SegmentForComparison: comparisons.segment_for_comparison,
    CompareDepths: comparisons.compare_depths,
    MeasureCost: comparisons.measure_cost,
    MatchCheckpoint: encoders.match_checkpoint,
    AddEncoder: encoders.add_encoder,
}


def answer(question: Question, observatory: Observatory, progress: Progress, answers: Mapping[type, Answer] = ANSWERS) -> Any:
    """The result of a question, by the row of ``answers`` for its type; raises OutOfMemory wherever in it the memory runs out."""
    try:
        return answers[type(question)](question, observatory, progress)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory("The memory of this machine ran out. Choose a smaller input size or a smaller encoder.") from error
