"""The job record: how one artifact came to be, as the job that made it wrote down.

`identity` holds what decides the outcome, and its hash is the record's id; `circumstances` hold
what differs between identical executions. Hashes are those of the JSON as it stands in the file, so
that records of other releases keep theirs, whatever more they say.
"""

import json
import re
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, get_type_hints

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted

# Every output lies below it.
RESULTS = "results"
# The scheme by which code was hashed before records named one.
FIRST_SCHEME = 1

Number = int | float
_is_sha256 = re.compile(r"[0-9a-f]{64}").fullmatch
_is_md5 = re.compile(r"[0-9a-f]{32}").fullmatch


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that a job read or wrote: its name in the stage, its hashes, its size in bytes."""

    name: str
    path: str
    sha256: str
    md5: str
    size: int

    @classmethod
    def at(cls, name: str, path: str) -> "RecordedFile":
        """Return a file as it is now; see `files.hashes` for errors."""
        hashes: dict[str, Any] = files.hashes(Path(path))
        return RecordedFile(name, path, **hashes)

    def made_by(self, record: str | None) -> "RecordedInput":
        """Return the file as an input that the job of a record made; None: no job."""
        return RecordedInput(self.name, self.path, self.sha256, self.md5, self.size, record)

    def as_json(self) -> dict[str, Any]:
        """Return the file as a record holds it, keys sorted."""
        return {name: getattr(self, name) for name in sorted(f.name for f in fields(self))}


@dataclass(frozen=True, slots=True)
class RecordedInput(RecordedFile):
    """A file that a job read, with the id of the record of the job that made it, or None."""

    record: str | None


@dataclass(frozen=True, slots=True)
class Code:
    """The hash of a stage's code, by a scheme of hashing, and that of each module in it."""

    fingerprint: str
    modules: dict[str, str]
    scheme: int = FIRST_SCHEME

    def as_json(self) -> dict[str, Any]:
        """Return the code as a record holds it; the first scheme goes without saying."""
        scheme = {} if self.scheme == FIRST_SCHEME else {"scheme": self.scheme}
        return {"fingerprint": self.fingerprint, "modules": self.modules, **scheme}


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides a job's outcome, and its outputs."""

    rule: str
    wildcards: dict[str, str]
    settings: dict[str, Any]
    code: Code
    inputs: tuple[RecordedInput, ...]
    outputs: tuple[RecordedFile, ...]

    @property
    def device(self) -> str:
        """What computed: cpu or cuda."""
        return device_of(self.settings)

    @property
    def processes(self) -> int:
        """How many processes trained together."""
        count = _mapping(self.settings.get("compute")).get("processes", 1)
        return count if isinstance(count, int) and count > 0 else 1

    def output(self, name: str) -> RecordedFile | None:
        """Return the output of a name in the stage; None without one."""
        return next((file for file in self.outputs if file.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return the identity as a record holds it."""
        return {
            "rule": self.rule,
            "wildcards": self.wildcards,
            "settings": self.settings,
            "code": self.code.as_json(),
            "inputs": [file.as_json() for file in self.inputs],
            "outputs": [file.as_json() for file in self.outputs],
        }


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that a job ran in, and what was changed since, as git's status has it."""

    commit: str | None = None
    changed: list | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a stage measured of its own work: tokens, exact FLOPs, MiB."""

    seconds: Number | None = None
    tokens: Number | None = None
    tokens_per_s: Number | None = None
    flops_per_s: Number | None = None
    peak_memory_mb: Number | None = None
    peak_gpu_memory_mb: Number | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """The FLOP/s that plain matrix products reached where the job ran."""

    flops_per_s: Number | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """What SLURM was asked for; memory in MiB."""

    cpus: Number | None = None
    gpus: Number | None = None
    minutes: Number | None = None
    memory_mb: Number | None = None


@dataclass(frozen=True, slots=True)
class Reused:
    """Who computed a result that was taken from a cache, in which study; when it was taken."""

    by: str | None = None
    study: str | None = None
    when: Number | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A process that began the job: when (seconds since 1970), where, and why it ended if it did.

    `node` is SLURM's name of the host.
    """

    start: Number | None = None
    host: str | None = None
    node: str | None = None
    slurm_job: str | None = None
    problem: str | None = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Attempt":
        """Return an attempt as a file tells of it."""
        return _typed(cls, values)


@dataclass(frozen=True)
class Circumstances:
    """When and where a job ran, and what it took; None for what is not told, or not as jobs do.

    No hash vouches for them, see `require_circumstances`. start, end: seconds since 1970.
    threads: of the job. peak_memory_mb: of its processes, MiB. environment: the hash of what was
    installed. work: the name of the working folder. reused: by whom, of a result that was taken
    from a cache, whose circumstances these are. raw: all of it, as it stands in the file.
    """

    end: Number | None
    cpu_seconds: Number | None
    peak_memory_mb: Number | None
    threads: Number | None
    start: Number | None
    seconds: Number | None
    host: str | None
    node: str | None
    cpu: str | None
    cpu_features: str | None
    gpu: str | None
    gpus: str | None
    slurm_job: str | None
    environment: str | None
    work: str | None
    git: Commit
    matrix: Matrix
    measured: Measured
    requested: Requested
    reused: Reused
    attempts: tuple[Attempt, ...]
    raw: dict[str, Any]

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Circumstances":
        """Return circumstances of anybody's making as far as they are of the kinds jobs write."""
        attempts = raw.get("attempts")
        sound = isinstance(attempts, list) and all(isinstance(one, dict) for one in attempts)
        return cls(
            **{name: _of_kind(raw.get(name), kind) for name, kind in PLAIN.items()},
            **{name: _typed(kind, _mapping(raw.get(name))) for name, kind in SECTIONS.items()},
            attempts=tuple(map(Attempt.of, attempts)) if attempts and sound else (),
            raw=raw,
        )


# What circumstances hold by itself, and by section.
PLAIN = {
    name: kind
    for name, kind in get_type_hints(Circumstances).items()
    if kind in (Number | None, str | None)
}
SECTIONS: dict[str, type] = {
    "git": Commit,
    "matrix": Matrix,
    "measured": Measured,
    "requested": Requested,
    "reused": Reused,
}
KINDS = {section: get_type_hints(section) for section in (*SECTIONS.values(), Attempt)}
# What every job tells.
ALWAYS = ("start", "seconds")


def _of_kind(value: Any, kind: Any) -> Any:
    return value if isinstance(value, kind) else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _typed(section: Any, values: dict[str, Any]) -> Any:
    """Return a section of circumstances with those of its values that are of their kinds."""
    kinds = KINDS[section]
    return section(**{name: _of_kind(values.get(name), kind) for name, kind in kinds.items()})


@dataclass(frozen=True)
class Record:
    """A job record; `raw` is the JSON of its file, and what is hashed."""

    id: str
    identity: Identity
    seal: object
    raw: dict[str, Any]

    @cached_property
    def circumstances(self) -> Circumstances:
        """When and where the job ran, and what it took."""
        return Circumstances.of(self.raw["circumstances"])

    @property
    def hashed_id(self) -> str:
        """The id that follows from the identity, whatever the record says."""
        return identifier(self.raw["identity"])

    @property
    def hashed_seal(self) -> str:
        """The seal that follows from id and circumstances, whatever the record says."""
        return seal_of(self.raw)


def identifier(identity: dict[str, Any]) -> str:
    """Return a record's id: the sha256 of its identity alone, so that a rerun keeps it."""
    return files.json_sha256(identity)


def seal_of(raw: dict[str, Any]) -> str:
    """Return the sha256 over the id and circumstances of a record, given as JSON.

    A rerun changes both together; an edit of the circumstances leaves the seal behind.
    """
    return identifier({"id": raw["id"], "circumstances": raw["circumstances"]})


def device_of(settings: dict[str, Any]) -> str:
    """Return what a job of these settings computes on: cpu or cuda."""
    return str(_mapping(settings.get("compute", settings)).get("device", "cpu"))


def new_record(identity: Identity, circumstances: dict[str, Any]) -> Record:
    """Return the record of a job that has put its outputs in place; circumstances as JSON."""
    raw: dict[str, Any] = {"identity": identity.as_json(), "circumstances": circumstances}
    raw["id"] = identifier(raw["identity"])
    raw["seal"] = seal_of(raw)
    return Record(raw["id"], identity, raw["seal"], raw)


def inside(path: str) -> bool:
    """Tell whether a name from a record or a lock stays within the repository."""
    plain = PurePosixPath(path)
    return (
        bool(plain.parts)
        and str(plain) == path
        and not plain.is_absolute()
        and ".." not in plain.parts
        and path.isprintable()
        and "\\" not in path
    )


def _file(entry: dict[str, Any]) -> RecordedFile:
    texts = name, path, sha256, md5 = [entry[key] for key in ("name", "path", "sha256", "md5")]
    sound = all(isinstance(text, str) for text in texts) and isinstance(entry["size"], int)
    if not (sound and _is_sha256(sha256) and _is_md5(md5)):
        raise ValueError(f"found {str(entry)[:80]!r} where a file with its hashes belongs")
    return RecordedFile(name, path, sha256, md5, entry["size"])


def _input(entry: dict[str, Any]) -> RecordedInput:
    file, made_by = _file(entry), entry["record"]
    if made_by is not None and not (isinstance(made_by, str) and _is_sha256(made_by)):
        raise ValueError(f"{file.path!r}: record: found {str(made_by)[:80]!r}")
    return file.made_by(made_by)


def _output(entry: dict[str, Any]) -> RecordedFile:
    file = _file(entry)
    if not inside(file.path) or file.path.partition("/")[0] != RESULTS:
        raise ValueError(f"outputs: found {file.path[:80]!r}, which is not in {RESULTS}/")
    return file


def _code(code: dict[str, Any]) -> Code:
    scheme = code.get("scheme", FIRST_SCHEME)
    if not isinstance(scheme, int) or isinstance(scheme, bool) or scheme < FIRST_SCHEME:
        raise ValueError(f"code.scheme: found {str(scheme)[:80]!r}; it is a number from 1 on")
    return Code(code["fingerprint"], code["modules"], scheme)


def _typed_record(raw: Any) -> Record:
    """Return a record of the form that jobs write; raise where it is not: it may be hostile."""
    identity = raw["identity"]
    if not (isinstance(raw["id"], str) and _is_sha256(raw["id"])):
        raise ValueError(f"id: found {str(raw['id'])[:80]!r}")
    for value, kinds in (
        (raw["circumstances"], dict),
        (identity["rule"], str),
        (identity["wildcards"], dict),
        (identity["settings"], dict),
        (identity["code"]["fingerprint"], str),
        (identity["code"]["modules"], dict),
        (identity["inputs"], list),
        (identity["outputs"], list),
    ):
        if not isinstance(value, kinds):
            raise ValueError(f"found {str(value)[:80]!r} where a {kinds.__name__} belongs")
    compute = identity["settings"].get("compute", {})
    if not isinstance(compute, dict) or not 0 < compute.get("processes", 1) < 1 << 20:
        raise ValueError(f"settings.compute: found {str(compute)[:80]!r}")
    for words in (identity["wildcards"], identity["code"]["modules"]):
        if not all(isinstance(word, str) for word in words.values()):
            raise ValueError("wildcards and modules are text")
    return Record(
        raw["id"],
        Identity(
            identity["rule"],
            identity["wildcards"],
            identity["settings"],
            _code(identity["code"]),
            tuple(map(_input, identity["inputs"])),
            tuple(map(_output, identity["outputs"])),
        ),
        raw.get("seal"),
        raw,
    )


def record_from_bytes(content: bytes, path: Path) -> Record:
    """Return a job record of sound form, whatever its id, from a file's content.

    Raises:
        BadInput: it is no job record; `path` names it.
    """
    try:
        raw = untrusted.from_json(content)
        record = _typed_record(raw)
        # What cannot be written again, such as not a number, was not written by a job.
        json.dumps(raw, allow_nan=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: no readable job record ({error})") from None
    return record


def parse_record(path: Path) -> Record:
    """Return a job record of sound form, whatever its id.

    Raises:
        BadInput: the file is no job record.
    """
    try:
        content = untrusted.read_bytes(path)
    except OSError as error:
        raise BadInput(f"{path}: no readable job record ({error})") from None
    return record_from_bytes(content, path)


def read_record(path: Path) -> Record:
    """Return a job record.

    Raises:
        BadInput: the file is no job record, or its id is not that of its identity.
    """
    record = parse_record(path)
    if record.id != (actual := record.hashed_id):
        raise BadInput(f"{path}: id: found {record.id}; its identity hashes to {actual}")
    return record


def require_circumstances(record: Record, path: Path) -> None:
    """Require circumstances that can be added up and compared: no hash of theirs vouches for them.

    Raises:
        BadInput: a value is of another kind than jobs write.
    """
    raw = record.raw["circumstances"]
    attempts = raw.get("attempts", [])
    if not isinstance(attempts, list) or not all(isinstance(one, dict) for one in attempts):
        raise BadInput(f"{path}: circumstances.attempts: found {str(attempts)[:80]!r}")
    own = {**PLAIN, **dict.fromkeys(ALWAYS, Number), **dict.fromkeys(SECTIONS, dict | None)}
    _require_kinds([raw], own, path, "circumstances")
    for name, section in SECTIONS.items():
        # What is said of the commit is shown as it stands.
        if section is not Commit:
            parts, where = [raw.get(name) or {}], f"circumstances.{name}"
            _require_kinds(parts, KINDS[section], path, where)
    _require_kinds(attempts, KINDS[Attempt], path, "circumstances.attempts")


def _require_kinds(
    parts: list[dict[str, Any]], kinds: dict[str, Any], path: Path, where: str
) -> None:
    for name, kind in kinds.items():
        for part in parts:
            if not isinstance(part.get(name), kind):
                raise BadInput(f"{path}: {where}.{name}: found {str(part.get(name))[:80]!r}")
