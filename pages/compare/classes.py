"""Which classes do several encoders share? By name, because encoders may number their classes differently."""

from collections.abc import Sequence


def class_in(class_names: Sequence[str], wanted: str) -> int | None:
    """The index of a class by its name, whatever the case; None if the encoder knows no such class."""
    return next((idx for idx, name in enumerate(class_names) if name.casefold() == wanted.casefold()), None)


def shared_classes(class_lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names that several of the encoders' lists hold, in the order of the first list that has them; a single list whole."""
    counts: dict[str, int] = {}
    spelling: dict[str, str] = {}
    for names in class_lists:
        for name in {name.casefold(): name for name in names}.values():
            counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
            spelling.setdefault(name.casefold(), name)
    needed = min(2, len(class_lists))
    return tuple(spelling[key] for key, count in counts.items() if count >= needed)
