"""Is a concept with its random counterpart fit for use? Plain sentences on what is wrong: too few images, duplicates."""

from collections.abc import Sequence

from explainers.library.duplicates import Thumbprints, duplicate_pairs
from explainers.library.regions import same_part
from explainers.library.sets import ImageSet

HARDLY_ENOUGH, RECOMMENDED = 10, 30
_N_NAMED = 3


def warnings(
    image_set: ImageSet, thumbprints: Thumbprints, random_set: ImageSet, random_thumbprints: Thumbprints
) -> tuple[str, ...]:
    """What is wrong with a concept's images and their random counterpart; nothing if all is well.

    The thumbprints (768,) are those of the sets' images, in their order.
    """
    too_few = tuple(sentence for sentence in (_too_few(image_set), _too_few(random_set)) if sentence)
    return (
        *too_few,
        *repeats(image_set, thumbprints),
        *repeats(random_set, random_thumbprints),
        *overlap(image_set, thumbprints, random_set, random_thumbprints),
    )


def repeats(image_set: ImageSet, thumbprints: Thumbprints) -> tuple[str, ...]:
    """The sentence on images that show the same picture as another of the set, by thumbprints (768,); none if none do."""
    sentence = _repeating(image_set, thumbprints)
    return (sentence,) if sentence else ()


def overlap(
    image_set: ImageSet, thumbprints: Thumbprints, random_set: ImageSet, random_thumbprints: Thumbprints
) -> tuple[str, ...]:
    """The sentence on a concept's images that are in its random counterpart, too, by thumbprints (768,); none if none are."""
    pairs = duplicate_pairs(thumbprints, random_thumbprints)
    shared = {i for i, j in pairs if same_part(image_set.images[i].region, random_set.images[j].region)}
    sentence = _shared(image_set, random_set, sorted(shared))
    return (sentence,) if sentence else ()


def _too_few(image_set: ImageSet) -> str | None:
    n = len(image_set.images)
    if n < HARDLY_ENOUGH:
        return (
            f"'{image_set.name}' has {image_set.counted}: hardly enough to say anything. {RECOMMENDED} or more are recommended."
        )
    if n < RECOMMENDED:
        return f"'{image_set.name}' has {image_set.counted}; {RECOMMENDED} or more are recommended."
    return None


def _repeating(image_set: ImageSet, thumbprints: Thumbprints) -> str | None:
    """The sentence on images that show the same picture as another of the set."""
    pairs = repeated(image_set, thumbprints)
    if not pairs:
        return None
    names = [f"'{image_set.images[i].name}' (like '{image_set.images[j].name}')" for i, j in pairs]
    verb = "shows" if len(pairs) == 1 else "show"
    return f"{_images(len(pairs))} of '{image_set.name}' {verb} the same picture as another: {_listed(names)}. Remove repeats."


def repeated(image_set: ImageSet, thumbprints: Thumbprints) -> list[tuple[int, int]]:
    """Every image that was there before, by thumbprints (768,): (its index, that of its first occurrence).

    Two parts of one image are not the same picture.
    """
    first: dict[int, int] = {}
    for i, j in duplicate_pairs(thumbprints, thumbprints):
        if j < i and same_part(image_set.images[i].region, image_set.images[j].region):
            first.setdefault(i, j)
    return sorted(first.items())


def _shared(image_set: ImageSet, random_set: ImageSet, shared: Sequence[int]) -> str | None:
    """The sentence on the concept's images, by index, that are in the random counterpart, too."""
    if not shared:
        return None
    names = [f"'{image_set.images[i].name}'" for i in shared]
    verb = "is" if len(shared) == 1 else "are"
    where = f"'{image_set.name}' {verb} also in the random counterpart '{random_set.name}'"
    return f"{_images(len(shared))} of {where}: {_listed(names)}. Remove such images from one of the two."


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _N_NAMED
    return ", ".join(names[:_N_NAMED]) + (f" and {more} more" if more > 0 else "")
