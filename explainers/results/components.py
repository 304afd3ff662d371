"""Which places of photos an encoder sees alike."""

from dataclasses import dataclass

from explainers.nave.components import PrincipalComponents
from explainers.nave.settings import ComponentSettings
from explainers.results.provenance import Result


@dataclass(frozen=True, eq=False)
class ComponentsResult(Result[ComponentSettings]):
    """The principal components of photos that are looked at together; similarity reaches from one photo to another."""

    components: PrincipalComponents
