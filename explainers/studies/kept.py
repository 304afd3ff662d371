"""Results of studies on disk: a JSON file each, in ENCODERSCOPE_HOME/studies. Bounded in number; what is deleted can come back
for a day. Files appear when they are whole, so several processes may share the folder."""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from explainers.results.files import write_bytes
from explainers.studies.records import Report, UnreadableStudy, report_from, report_json, report_of
from explainers.studies.study import StudyResult
from explainers.studies.table import STUDIES, study_named
from models.errors import EncoderscopeError
from models.files import home, is_past_keeping

MAX_KEPT = 200  # beyond, the oldest go
_MAX_BYTES = 32 * 2**20  # of a file that is read


@dataclass(frozen=True)
class Kept:
    """A result on disk."""

    id: str
    report: Report


class KeptStudies:
    """The folder of results."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or home() / "studies"
        self._read: dict[Path, tuple[int, Kept | None]] = {}

    def keep(self, result: StudyResult) -> Kept:
        """Writes a result; raises EncoderscopeError where that is not possible."""
        now = datetime.now(UTC)
        made_at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        kept = Kept(f"{result.study}-{now:%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:6]}", report_of(result, made_at))
        try:
            write_bytes(self._path(kept.id), report_json(kept.report, study_named(result.study)))
        except OSError as error:
            raise EncoderscopeError(f"The result cannot be kept in '{self.folder}': {error.strerror}.") from error
        self._make_room()
        return kept

    def of(self, study: str) -> list[Kept]:
        """The results of a study, the newest first."""
        results = [kept for path in self._files() if (kept := self._kept(path)) is not None and kept.report.study == study]
        return sorted(results, key=lambda kept: (kept.report.made_at, kept.id), reverse=True)

    def delete(self, kept_id: str) -> None:
        """Takes a result away; `restore` brings it back for a day."""
        with suppress(FileNotFoundError):
            path = self._path(kept_id)
            path.touch()  # the day begins now
            path.replace(self._deleted(kept_id))

    def restore(self, kept_id: str) -> None:
        """Brings a deleted result back; raises EncoderscopeError if it is gone."""
        try:
            self._deleted(kept_id).replace(self._path(kept_id))
        except OSError as error:
            raise EncoderscopeError("This result is gone: it was deleted more than a day ago.") from error

    def _path(self, kept_id: str) -> Path:
        return self.folder / f"{kept_id}.json"

    def _deleted(self, kept_id: str) -> Path:
        return self.folder / f"{kept_id}.deleted"

    def _files(self) -> Iterator[Path]:
        with suppress(OSError):
            yield from sorted(self.folder.glob("*.json"))

    def _kept(self, path: Path) -> Kept | None:
        """What a file holds, read once as long as it stays the same; None if it holds anything else."""
        try:
            state = path.stat()
            if self._read.get(path, (0, None))[0] != state.st_mtime_ns:
                report = report_from(json.loads(path.read_bytes())) if state.st_size <= _MAX_BYTES else None
                self._read[path] = state.st_mtime_ns, Kept(path.stem, report) if report and report.study in STUDIES else None
            return self._read[path][1]
        except (OSError, ValueError, RecursionError, UnreadableStudy):
            return None

    def _make_room(self) -> None:
        """Deletes for good what was deleted a day ago, and the oldest beyond MAX_KEPT."""
        with suppress(OSError):
            for path in self.folder.glob("*.deleted"):
                if is_past_keeping(path):
                    path.unlink(missing_ok=True)
            by_age = sorted(self._files(), key=lambda path: path.stat().st_mtime)
            for path in by_age[:-MAX_KEPT]:
                path.unlink(missing_ok=True)
