"""Weights from the Hugging Face hub: on the first use with progress, afterwards from the disk, without a network.

A file that is on the disk is taken as it is and nobody is asked. Otherwise one short question (HEAD) finds out whether
the hub answers and has the file, and only then the download starts: without a network the answer comes in seconds.
"""

import hashlib
import io
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2  # the HTTP client of huggingface_hub, whose errors come through
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from models.catalog.formats import PICKLED_NAMES, WEIGHTS_INDEX, WEIGHTS_NAMES, only_pickled
from models.catalog.weights import part_names
from models.errors import BadCheckpoint, EncoderUnavailable, UnknownEncoder, UnsupportedEncoder
from models.progress import IGNORED, Progress

QUESTION_TIMEOUT_S = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Unreachable(EncoderUnavailable):
    """The hub does not answer, or this machine is set to work without it."""


def cached_file(repo: str, filename: str) -> Path | None:
    """Where the file of a repository (``team/name`` or ``team/name@revision``) lies on this machine, if it does."""
    repo_id, revision = _split_revision(repo)
    try:
        path = try_to_load_from_cache(repo_id, filename, revision=revision)
    except HFValidationError:
        return None
    return Path(path) if isinstance(path, str) else None


def cached_weights(repo: str) -> Path | None:
    """The weights of a repository, if they are on this machine: one file, or the index of parts that are all there."""
    weights = next((path for name in (*WEIGHTS_NAMES, WEIGHTS_INDEX) if (path := cached_file(repo, name))), None)
    return weights if weights and all(cached_file(repo, part) for part in _parts(weights)) else None


def cached_repos() -> list[str]:
    """Repositories of which weights lie on this machine, sorted."""
    folder = Path(constants.HF_HUB_CACHE)
    names = sorted(path.name for path in folder.glob("models--*")) if folder.is_dir() else []
    repos = ["/".join(name.split("--")[1:]) for name in names]
    return [repo for repo in repos if cached_weights(repo)]


def load_weights(repo: str, progress: Progress = IGNORED) -> Path:
    """The safetensors file of a repository, or the index of several beside it, fetched if need be."""
    if on_disk := cached_weights(repo):
        return on_disk
    weights = cached_file(repo, WEIGHTS_INDEX) or _fetch_first(repo, (*WEIGHTS_NAMES, WEIGHTS_INDEX), progress)
    for part in _parts(weights):
        load_file(repo, part, progress)
    return weights


def _parts(weights: Path) -> Sequence[str]:
    """The files that an index names; none if it is damaged, which is said when the encoder is built, or if it is not an index."""
    try:
        return part_names(weights) if weights.name == WEIGHTS_INDEX else ()
    except BadCheckpoint:
        return ()


def load_file(repo: str, filename: str, progress: Progress = IGNORED) -> Path:
    """One file of a repository, fetched if need be."""
    return cached_file(repo, filename) or _fetch_first(repo, (filename,), progress)


def _fetch_first(repo: str, filenames: Sequence[str], progress: Progress) -> Path:
    progress.report(None, f"asking the hub for {repo}")
    repo_id, revision = _split_revision(repo)
    for filename in filenames:
        etag = _etag(repo_id, revision, filename)
        if etag is not None:
            with _readable(repo_id):
                bar = _bar_reporting_to(progress, repo_id)
                path = Path(hf_hub_download(repo_id, filename, revision=revision, tqdm_class=bar))
            _require_whole(path, repo_id, etag)
            return path
    raise _missing(repo, filenames[0])


def _require_whole(path: Path, repo_id: str, etag: str) -> None:
    """Raises EncoderUnavailable if the bytes are not those that the hub named, and removes them. Of large files it names the
    SHA-256, of small ones something else."""
    if not _SHA256.fullmatch(etag):
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != etag:
        path.resolve().unlink(missing_ok=True)  # a snapshot is a link to the bytes
        path.unlink(missing_ok=True)
        raise EncoderUnavailable(f"'{repo_id}' arrived damaged: '{path.name}' is not what the hub says it is. Try again.")


def _etag(repo_id: str, revision: str | None, filename: str) -> str | None:
    """What the hub calls the bytes of a file; None if it has no such file. Raises a readable reason if it cannot be asked."""
    try:
        with _readable(repo_id):
            url = hf_hub_url(repo_id, filename, revision=revision)
            return get_hf_file_metadata(url, timeout=QUESTION_TIMEOUT_S).etag or ""
    except EntryNotFoundError:
        return None


def _missing(repo: str, filename: str) -> UnsupportedEncoder:
    if filename in WEIGHTS_NAMES and any(_etag(*_split_revision(repo), name) is not None for name in PICKLED_NAMES):
        return only_pickled(repo)
    return UnsupportedEncoder(f"'{repo}' has no {filename}, so it is not a timm encoder that can be opened here.")


@contextmanager
def _readable(repo_id: str) -> Generator[None]:
    """What the hub's client raises becomes one sentence; only "no such file" stays what it is."""
    try:
        yield
    except EntryNotFoundError:
        raise
    except (OSError, RuntimeError, ImportError, ValueError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _reason(error, repo_id) from error


def _reason(error: Exception, repo_id: str) -> EncoderUnavailable | UnknownEncoder:
    host = constants.ENDPOINT.split("://")[-1]
    fault = _fault_of_settings(error)
    if fault:
        return Unreachable(f"'{repo_id}' is not on this machine and {host} cannot be asked: {fault}")
    match error:
        case OfflineModeIsEnabled():
            return Unreachable(f"'{repo_id}' is not on this machine, which is set to work offline (HF_HUB_OFFLINE)")
        case GatedRepoError():
            return EncoderUnavailable(
                f"'{repo_id}' asks its users to accept a licence on {host} first. Accept it there, then set HF_TOKEN."
            )
        case RepositoryNotFoundError() | RevisionNotFoundError() | HFValidationError():
            return UnknownEncoder(f"There is no repository '{repo_id}' on {host} that this machine may read.")
        case HfHubHTTPError():
            status = f"HTTP {error.response.status_code}" if error.response is not None else "no status"
            return Unreachable(f"{host} answered the request for '{repo_id}' with an error ({status})")
        case httpx2.HTTPError() | httpx2.InvalidURL() | ConnectionError() | TimeoutError():
            return Unreachable(f"'{repo_id}' is not on this machine and {host} cannot be reached")
    return EncoderUnavailable(f"Fetching '{repo_id}' failed: {error}. Is there room on the disk? Try again.")


def _fault_of_settings(error: Exception) -> str:
    """Which variable of the environment keeps the hub's client from asking at all; empty if it is not that.

    Of a proxy only the kind is named: its address may hold a password.
    """
    if isinstance(error, HFValidationError | HfHubHTTPError | OfflineModeIsEnabled):
        return ""
    for variable in _PROXY_VARIABLES:
        kind, is_address, _ = os.environ.get(variable, "").partition("://")
        if is_address and kind.lower() not in ("http", "https"):
            return f"{variable} names a proxy of the kind '{kind[:20]}', which is not supported. Set one of the kind http"
    for variable in _CA_VARIABLES:
        place = os.environ.get(variable)
        if place and not Path(place).exists():
            return f"{variable} names certificates that are not there ('{place[:200]}'). Correct or unset it"
    return ""


def _bar_reporting_to(progress: Progress, repo_id: str) -> type[tqdm]:
    """A silent progress bar, as huggingface_hub takes it, that reports the bytes done of the total to ``progress``."""

    class ReportingBar(tqdm):
        monitor_interval = 0  # nothing is drawn, so no thread need watch the drawing

        def __init__(self, *args: object, **kwargs: object):
            kwargs.pop("name", None)  # of huggingface_hub's own bars
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})
            self._report()

        def update(self, n: float | None = 1) -> bool | None:
            updated = super().update(n)
            self._report()
            return updated

        def update_transfer(self, n: float) -> None:
            """huggingface_hub counts bytes from the network apart, where it can; what has arrived is enough here."""

        def _report(self) -> None:
            done = min(1.0, self.n / self.total) if self.total else None
            of_total = f" of {self.total / 1e6:.1f}" if self.total else ""
            progress.report(done, f"downloading {repo_id}: {self.n / 1e6:.1f}{of_total} MB")

    return ReportingBar


def _split_revision(repo: str) -> tuple[str, str | None]:
    repo_id, _, revision = repo.partition("@")
    return repo_id, revision or None
