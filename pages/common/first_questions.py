"""What Explain asks for somebody who has chosen nothing yet, so that the worker can begin before the page is there.

A browser that has seen nothing fetches and starts the page's program first, while the worker would wait. The page then asks the
same question, and shares the work that is under way. Where no page comes, the work is dropped.
"""

from contextlib import suppress

from explainers.library.library import ConceptLibrary
from explainers.service.questions import ExplainPhoto
from explainers.service.service import Job
from explainers.visual_tcav.settings import ExplainSettings
from models.catalog import EncoderInfo
from models.errors import EncoderscopeError
from pages.common import concept_controls, jobs, photos
from pages.common.encoder_choice import PREFERRED_ENCODER

STARTING_PHOTO = "chelsea"
PATIENCE_SECONDS = 30.0  # with a page that does not come to ask


def begin_explain() -> None:
    """Has the worker begin with Explain's first question once the encoder is open, for which it waits; nothing happens without
    concepts."""
    service = jobs.service()
    with suppress(EncoderscopeError):  # the page itself says what is wrong
        question = explain_question(service.library, service.open_encoder(PREFERRED_ENCODER).result())
        if question is not None:
            _worked_on(service.ask(question))


def _worked_on(job: Job) -> None:
    """Waits for the work, and gives it up after a while; a page that shares it by then goes on with it."""
    try:
        job.result(PATIENCE_SECONDS)
    except TimeoutError:
        job.cancel()


def explain_question(library: ConceptLibrary, info: EncoderInfo) -> ExplainPhoto | None:
    """The question of the page as it opens with an encoder that has learnt from photographs; None where the library has no
    concept or no random counterpart."""
    concepts = concept_controls.first_concepts(library.sets("concept"), concept_controls.STARTING_ON_PHOTOGRAPHS)
    random = library.sets("random")
    if not concepts or not random:
        return None
    n_null = concept_controls.needed_draws(len(concepts) * len(info.attributed_depths))
    return ExplainPhoto(
        info.name,
        photos.sample(STARTING_PHOTO),
        tuple(concept_controls.opened(library, concept) for concept in concepts),
        concept_controls.opened(library, random[0]),
        ExplainSettings(n_null=n_null),
    )
