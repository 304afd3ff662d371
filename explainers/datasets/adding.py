"""Adding photos to an index: its dictionary of parts stays, the photos that it has are not looked at again, new shards follow.

fit    per photo the mean distance of its regions to the middles of their parts, weighted by positions; that of the photos added
       beside that of the photos among which the dictionary was sampled. Parts that were fitted on other photos fit less well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from explainers.datasets.columns import in_types, types_of, widened
from explainers.datasets.index import DICTIONARY, MANIFEST, Index, UnreadableIndex, dictionary_key, open_index, read_shard
from explainers.datasets.making import HASHED, Making, describe_missing, drop_others, hashed, shard_names
from explainers.datasets.questions import ChooseDepth
from explainers.datasets.settings import IndexSettings
from explainers.datasets.shards import PHOTOS, REGIONS, Known, shards_of
from explainers.dictionaries.clustering import Dictionary
from explainers.dictionaries.settings import DictionarySettings
from explainers.results.files import as_json, write_bytes
from models.errors import BadSettings
from models.progress import IGNORED, Progress

FAR = 95  # percent of the photos before are nearer than what counts as far
MANY_FAR = 0.1  # share of far photos from which on somebody should look


@dataclass(frozen=True)
class Fit:
    """How well the parts of one k fit photos that were added."""

    median_before: float  # distance to the middles of parts
    median_added: float
    far: float  # share of the photos added that lie farther than 95 % of those before

    @property
    def sentence(self) -> str:
        """What was measured, in words."""
        advice = " Parts of their own may be missing: make the index anew if that matters." if self.far > MANY_FAR else ""
        return (
            f"Their distance to the middles of parts is {self.median_added:.2f} in the median, {self.median_before:.2f} for the "
            f"photos before; {self.far:.0%} lie farther than {FAR} % of those before (5 % if they are alike).{advice}"
        )


def add_photos(making: Making, progress: Progress = IGNORED) -> Index:
    """The index in a folder with those photos of a data set that it does not have yet; photos that it has stay, also where the
    data set lacks them. Who is killed goes on with the same call. Raises UnreadableIndex where there is no index, BadSettings
    where the encoder is another one."""
    index = open_index(making.folder)
    chosen = making.ask(ChooseDepth(making.settings.encoder_name or index.encoder_name, index.depth, index.input_size))
    if chosen.encoder.fingerprint != index.manifest["encoder"]["fingerprint"]:
        raise BadSettings(f"'{chosen.encoder.name}' is another encoder than that of this index. Make an index of its own.")
    types = widened(types_of(making.items), index.columns)
    new = _new(hashed(in_types(making.items, types), progress.part(0, HASHED), making.on_objects), _hashes_in(index))
    if not new:
        return index
    settings = replace(_settings_of(index.manifest), encoder_name=chosen.encoder.name)
    making = replace(making, settings=settings)
    key, before = dictionary_key((index.folder / DICTIONARY).read_bytes()), list(index.manifest["shards"])
    shards = shards_of(new, settings.photos_per_shard, key, types, first=len(before))
    describe_missing(making, shards, index.dictionary, key, progress.part(HASHED, 1))
    names = shard_names(shards)
    drop_others(making.folder, [*before, *names])
    write_bytes(making.folder / MANIFEST, as_json(_manifest(index, making.data_name, names, len(new), types)))
    return open_index(making.folder)


def _settings_of(manifest: Mapping[str, Any]) -> IndexSettings:
    """What an index was made with; raises UnreadableIndex where its manifest does not say."""
    settings = dict(manifest["settings"])
    try:
        dictionary = DictionarySettings(**settings.pop("dictionary") | {"ks": tuple(manifest["settings"]["dictionary"]["ks"])})
        return IndexSettings(**settings, dictionary=dictionary)
    except TypeError as error:
        raise UnreadableIndex("The manifest of this index is not as it was written. Make the index again.") from error


def _hashes_in(index: Index) -> dict[str, str]:
    """The hashes of the photos of an index by their names, of those that could not be read as well."""
    tables = [read_shard(index.folder / PHOTOS / name, ["name", "sha256"]) for name in index.manifest["shards"]]
    return {row["name"]: row["sha256"] for table in tables for row in table.to_pylist()}


def _new(photos: Iterable[Known], before: Mapping[str, str]) -> list[Known]:
    """The photos that an index does not have, by name; one of the same name with other content is refused."""
    new = []
    for known in photos:
        name = known.item.name
        if name not in before:
            new.append(known)
        elif known.sha256 != before[name] and (again := f"{name} (again)") not in before:
            refusal = f"'{name}' is in the index with other content. Make the index anew to have the present one."
            new.append(Known(replace(known.item, name=again, refusal=refusal), ""))
    return new


def _manifest(index: Index, data_name: str, names: Sequence[str], n_files: int, columns: Mapping[str, str]) -> dict[str, Any]:
    before = index.manifest
    sampled_from = before.get("sampled_from", {"n_shards": len(before["shards"]), "n_files": before["n_files"]})
    fits = fits_of(index, before["shards"][: sampled_from["n_shards"]], names)
    addition = {"data": data_name, "n_files": n_files, "n_shards": len(names), "fit": {k: asdict(fit) for k, fit in fits.items()}}
    return {
        **before,
        "columns": columns,
        "n_files": before["n_files"] + n_files,
        "sampled_from": sampled_from,
        "additions": [*before.get("additions", []), addition],
        "shards": [*before["shards"], *names],
    }


def fits_of(index: Index, before: Sequence[str], added: Sequence[str]) -> dict[int, Fit]:
    """How well the parts fit the photos of some shards beside those of others, by k; empty where no photo could be read."""
    near, far = (_distances(index, names) for names in (before, added))
    return {k: _fit(near[k], far[k]) for k in index.ks if len(near[k]) and len(far[k])}


def _fit(before: np.ndarray, added: np.ndarray) -> Fit:
    limit = np.percentile(before, FAR)
    return Fit(float(np.median(before)), float(np.median(added)), float((added > limit).mean()))


def _distances(index: Index, names: Sequence[str]) -> dict[int, np.ndarray]:
    """By k the mean distances (n_photos,) of the photos of some shards, shard by shard."""
    of_shards = [_distances_in(index.folder / REGIONS / name, index.dictionary) for name in names]
    return {k: np.concatenate([of_shard[k] for of_shard in of_shards]) for k in index.ks}


def _distances_in(path: Path, dictionary: Dictionary) -> dict[int, np.ndarray]:
    table = read_shard(path, ["photo", "k", "part", "n_cells", "activation"])
    ks = table["k"].to_numpy()
    distances = {}
    for k in dictionary.ks:
        rows = table.filter(ks == k)
        values = rows["activation"].combine_chunks().flatten().to_numpy().astype(np.float32)
        n_components = dictionary.space.axes.shape[1]
        if values.size != len(rows) * n_components:
            raise UnreadableIndex(f"'{path.name}' of this index is damaged. Make the index again.")
        activations = values.reshape(len(rows), n_components)
        parts, n_cells = rows["part"].to_numpy(), rows["n_cells"].to_numpy()
        photo_idx = rows["photo"].combine_chunks().dictionary_encode().indices.to_numpy()
        away = np.linalg.norm(activations - dictionary.centroids[k][parts], axis=1)
        distances[k] = np.bincount(photo_idx, away * n_cells) / np.bincount(photo_idx, n_cells)
    return distances


def newest_fit(index: Index, k: int) -> Fit | None:
    """How well the parts of one k fit the photos that were added last; None where none were, or none could be read."""
    additions = index.manifest.get("additions", [])
    of_ks = additions[-1]["fit"] if additions else {}
    return Fit(**of_ks[str(k)]) if str(k) in of_ks else None
