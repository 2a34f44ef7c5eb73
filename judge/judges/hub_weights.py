"""Weights from the Hugging Face Hub: a GGUF file of a repository, and the projector with which it sees images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from judge.errors import InputError, RunError
from judge.files.files import file_sha256
from judge.files.secrets import note_secret
from judge.judges.provider_errors import redact

INSTALL = "pip install 'omr-judge[local]'"
HUB_MAIN = "main"
"""the revision that is meant where none is named"""
TOKEN = "HF_TOKEN"  # noqa: S105 - its name
_NAMED = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*?)(?:@(?P<revision>[\w.-]+))?/(?P<file>[^@]+\.gguf)")
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf")
_PROJECTOR = re.compile(r"mmproj.*\.gguf|.*[-_.]mmproj\.gguf", re.IGNORECASE)
_PRECISIONS = (re.compile(r"(?<!b)f16"), re.compile("bf16"), re.compile("q8_0"), re.compile("f32"))
"""of projectors, in small letters: that which goes first is taken first"""


class HubFile(NamedTuple):
    """A file of a repository."""

    repo: str
    """owner and name"""
    revision: str
    """a branch, a tag or a commit"""
    file: str
    """path within the repository"""

    def __str__(self) -> str:
        """Return how a judge names it."""
        return f"{self.repo}@{self.revision}/{self.file}"


class HubWeights(NamedTuple):
    """Weights that are on this machine now."""

    source: HubFile
    """with the commit that they are of"""
    path: Path
    projector: str | None
    """the projector's path within the repository; None: the model sees no images"""
    projector_path: Path | None


def checksum(path: Path) -> str:
    """Return the SHA-256 of a large file, computed once as long as it is not written to."""
    told = path.stat()
    return _checksum(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=8)
def _checksum(path: Path, written: int, size: int) -> str:  # noqa: ARG001 - what the cache goes by
    return file_sha256(path)


def hub_file(named: str) -> HubFile | None:
    """Return what `REPO/FILE.gguf` or `REPO@REVISION/FILE.gguf` names on the Hub; None for a file on this machine."""
    found = _NAMED.fullmatch(named)
    if found is None or Path(named).exists():
        return None
    return HubFile(found["repo"], found["revision"] or HUB_MAIN, found["file"])


def choose_weights(wanted: HubFile, *, say: Callable[[str], None]) -> HubWeights:
    """Return a file of the Hub and the projector that lies beside it, fetched where the cache does not hold them.

    Without a connection, what the cache holds of the revision is taken.

    Args:
        wanted: the file.
        say: is told in one line what is fetched.

    Raises:
        InputError: the library is not installed, or the Hub has no such file for this user.
        RunError: what was fetched is not what the Hub says it is.
    """
    commit, sums = _listed(wanted)
    hub = _library(wanted)
    projector = choose_projector(sums, wanted.file)
    found = fetch_weights(wanted._replace(revision=commit), projector, say=say)
    with suppress(Exception):
        # The cache notes what the revision is now, for when there is no connection.
        hub.hf_hub_download(wanted.repo, wanted.file, revision=wanted.revision)
    for name, path in ((wanted.file, found.path), (projector, found.projector_path)):
        if name and path and sums[name] and checksum(path) != sums[name]:
            raise RunError(f"{path}: not what the Hub says that {name} is; delete it, and start again")
    return found


def name_weights(wanted: HubFile, *, say: Callable[[str], None]) -> tuple[Path, str, str, str | None, None, str | None]:
    """Return what weights are called once they are here, and their checksums as the Hub tells them; fetch nothing.

    Weights whose checksum the Hub does not tell are fetched all the same: a judge is known by it.

    Raises:
        InputError: as `choose_weights`.
        RunError: as `choose_weights`.
    """
    commit, sums = _listed(wanted)
    projector = choose_projector(sums, wanted.file)
    if not sums[wanted.file] or (projector and not sums[projector]):
        found = choose_weights(wanted, say=say)
        seen = checksum(found.projector_path) if found.projector_path else None
        return found.path, checksum(found.path), str(found.source), found.projector, None, seen
    source = wanted._replace(revision=commit)
    return Path(source.file), str(sums[wanted.file]), str(source), projector, None, projector and sums[projector]


def _listed(wanted: HubFile) -> tuple[str, dict[str, str | None]]:
    """Return the commit that a revision is, and its files with their checksums; InputError where it has not the one."""
    if _PART.search(wanted.file):
        raise InputError(f"--judge local:{wanted}", "one of several parts", "name weights that are one file")
    hub = _library(wanted)
    try:
        told = hub.HfApi().model_info(wanted.repo, revision=wanted.revision, files_metadata=True)
        commit, sums = told.sha, {file.rfilename: file.lfs and file.lfs.sha256 for file in told.siblings}
    except Exception as error:  # noqa: BLE001 - of the Hub, of its library, or of the connection
        commit, sums = _cached(hub, wanted, error)
    if wanted.file not in sums:
        others = ", ".join(sorted(name for name in sums if name.endswith(".gguf"))) or "no GGUF file"
        raise InputError(f"--judge local:{wanted}", f"{wanted.repo} has no such file", f"it has {others}")
    return commit, sums


def choose_projector(files: Iterable[str], weights: str) -> str | None:
    """Return a repository's projector: of several one beside the weights, in half precision; None where it has none."""

    def rank(name: str) -> tuple[bool, int, str]:
        file = PurePosixPath(name)
        precisions = [place for place, known in enumerate(_PRECISIONS) if known.search(file.name.lower())]
        return file.parent != PurePosixPath(weights).parent, min(precisions, default=len(_PRECISIONS)), name

    return min((name for name in files if _PROJECTOR.fullmatch(PurePosixPath(name).name)), key=rank, default=None)


def fetch_weights(source: HubFile, projector: str | None, *, say: Callable[[str], None]) -> HubWeights:
    """Return weights and a projector of one commit; what the cache holds is not asked for again.

    Raises:
        InputError: they cannot be had.
    """
    hub = _library(source)

    def fetch(name: str) -> Path:
        try:
            plan = hub.hf_hub_download(source.repo, name, revision=source.revision, dry_run=True)
            if plan.will_download:
                size = f"{plan.file_size / 1e6:,.0f} MB"
                say(f"Fetching {name} of {source.repo} once from the Hugging Face Hub, {size}, to {plan.local_path}")
            return Path(hub.hf_hub_download(source.repo, name, revision=source.revision))
        except Exception as error:
            raise _refusal(source, error) from error

    return HubWeights(source, fetch(source.file), projector, fetch(projector) if projector else None)


def _library(wanted: HubFile) -> Any:  # noqa: ANN401 - a module
    note_secret(TOKEN)
    try:
        import huggingface_hub  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(f"--judge local:{wanted}", "huggingface_hub is not installed", INSTALL) from error
    return huggingface_hub


def _cached(hub: Any, wanted: HubFile, error: Exception) -> tuple[str, dict[str, str | None]]:  # noqa: ANN401 - a module
    """Return the commit and the files of a revision that the cache holds; InputError where it lacks the wanted one."""
    try:
        kept = hub.hf_hub_download(
            wanted.repo, wanted.file, revision=wanted.revision, local_files_only=True, dry_run=True
        )
    except Exception:  # noqa: BLE001 - whatever it is, the first error says why
        raise _refusal(wanted, error) from error
    folder = Path(kept.local_path).parents[wanted.file.count("/")]
    return kept.commit_hash, {path.relative_to(folder).as_posix(): None for path in folder.rglob("*.gguf")}


def _refusal(wanted: HubFile, error: Exception) -> InputError:
    words = redact(" ".join(str(error).split())) or type(error).__name__
    problem = f"no such file on this machine, and the Hugging Face Hub gives none: {words}"
    return InputError(f"--judge local:{wanted}", problem, f"a repository with terms needs {TOKEN} in the environment")
