"""Questions answered on many machines: actors of Ray with a service each, asked as one service is.

What many questions share, sets of example images, travels to each machine once. An actor that dies is started again and its
questions are asked again, a few times; which actor answers does not change the answer, on machines that compute alike.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields, replace
from typing import Any, Generic, cast

import ray
from ray.exceptions import RayError

from explainers.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.runtime.cluster import cluster, room
from explainers.service.questions import Answer, Question
from explainers.service.service import ExplainerService
from models.errors import EncoderscopeError

TRIES_AGAIN = 3  # of a question whose actor died: it may be what kills them


class Answering:
    """An actor: one service, which answers question after question."""

    def __init__(self) -> None:
        self.service = ExplainerService(cache_bytes=0)

    def answer(self, question: Question[Any], **shared: Any) -> Any:
        """The answer, or why there is none; ``shared`` are fields that travelled apart from the question."""
        try:
            return self.service.ask(replace(cast(Any, question), **shared)).result()
        except EncoderscopeError as error:
            return error


class Asked(Generic[Answer]):
    """An answer that is on its way."""

    message = ""  # actors do not say what they are at

    def __init__(self, question: Question[Answer], coming: "ray.ObjectRef[Any]"):
        self._question, self._coming = question, coming

    @property
    def done(self) -> bool:
        """Whether ``result`` answers at once."""
        return bool(ray.wait([self._coming], timeout=0)[0])

    def result(self, timeout: float | None = None) -> Answer:
        """Waits for the answer; raises what the service would, or TimeoutError after ``timeout`` seconds."""
        try:
            answer = ray.get(self._coming, timeout=timeout)
        except TimeoutError:
            raise
        except RayError as error:
            said = f"Something went wrong on the cluster while {self._question.activity}"
            raise EncoderscopeError(f"{said}: {str(error).strip().splitlines()[-1]}") from error
        if isinstance(answer, EncoderscopeError):
            raise answer
        return answer


class RayService:
    """The front of an ExplainerService that commands need, answered by actors; their number is ``n_actors``."""

    def __init__(self, library: ConceptLibrary | None = None) -> None:
        """Connects to the cluster of RAY_ADDRESS, or starts one on this machine."""
        self.library = library or ConceptLibrary()
        self._open = ExitStack()
        self._open.enter_context(cluster())
        self.n_actors, needs = room()
        actor = ray.remote(Answering).options(max_restarts=-1, max_task_retries=TRIES_AGAIN, **needs)
        self._actors: list[Any] = [actor.remote() for _ in range(self.n_actors)]
        self._asked: list[list[Asked[Any]]] = [[] for _ in self._actors]
        self._shared: dict[int, tuple[Any, ray.ObjectRef[Any]]] = {}  # by identity; held, so that no other takes its place

    def ask(self, question: Question[Answer]) -> Asked[Answer]:
        """Asks the actor that has least to do."""
        for waiting in self._asked:
            waiting[:] = [job for job in waiting if not job.done]
        idx = min(range(self.n_actors), key=lambda n: len(self._asked[n]))
        shared = self._shared_by(question)
        apart = replace(cast(Any, question), **dict.fromkeys(shared)) if shared else question
        job = Asked(question, self._actors[idx].answer.remote(apart, **shared))
        self._asked[idx].append(job)
        return job

    def close(self) -> None:
        """Ends the actors, and the cluster if it was started here."""
        for actor in self._actors:
            ray.kill(actor)
        self._open.close()

    def _shared_by(self, question: Question[Any]) -> Mapping[str, "ray.ObjectRef[Any]"]:
        """The fields of a question that hold sets, put where every machine finds them."""
        values = {field.name: getattr(question, field.name) for field in fields(cast(Any, question))}
        return {name: self._put(value) for name, value in values.items() if _holds_sets(value)}

    def _put(self, value: Any) -> "ray.ObjectRef[Any]":
        if id(value) not in self._shared:
            self._shared[id(value)] = value, ray.put(value)
        return self._shared[id(value)][1]


def _holds_sets(value: Any) -> bool:
    return isinstance(value, OpenSet) or (isinstance(value, tuple) and any(isinstance(part, OpenSet) for part in value))
