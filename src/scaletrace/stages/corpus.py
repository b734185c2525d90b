"""Collect the documents of a study and deal them to train, valid and test."""

import dataclasses
import hashlib
import http.client
import importlib.metadata
import io
import json
import os
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.files import write_json
from scaletrace.text.docstrings import docstrings
from scaletrace.text.documents import SPLITS, Document, articles, deal, paragraphs

# Shorter docstrings say little more than the name they describe.
LONGER_THAN = 200
# NumPy ships this folder to Python 3.11 and no later version.
EXCLUDED = "numpy/distutils/"

WIKITEXT_MD5 = "542ccefacc6c27f945fb54453812b3cd"
WIKITEXT_LINES = {"train": 36718, "valid": 3760, "test": 4358}
WIKITEXT_MIRRORS = (
    "https://wikitext.smerity.com/wikitext-2-v1.zip",
    "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
    "https://web.archive.org/web/2022id_/https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
)
# A mirror that sends nothing for this long is given up.
TIMEOUT_SECONDS = 30
PROGRESS_SECONDS = 5


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Raw text, where it lies in files."""

    files: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The documents of each split as JSON lines, and what they were made from."""

    train: Path
    valid: Path
    test: Path
    manifest: Path


@dataclasses.dataclass(frozen=True)
class FromPackages:
    """Docstrings of installed packages by name and version, and the fractions held out."""

    source: str
    valid: float
    test: float
    packages: dict[str, str]


@dataclasses.dataclass(frozen=True)
class FromFiles:
    """What counts as one document, and the fractions held out."""

    source: str
    valid: float
    test: float
    document: str


@dataclasses.dataclass(frozen=True)
class FromWikiText:
    """Where WikiText-2 lies; downloaded where that is None."""

    source: str
    path: str | None


Settings = FromPackages | FromFiles | FromWikiText


def settings_type(values: Mapping[str, Any]) -> type:
    """Return the class of the settings of the source that is asked for."""
    known = {"docstrings": FromPackages, "files": FromFiles, "wikitext-2": FromWikiText}
    return known[values["source"]]


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write train, valid and test as JSON lines of {source, text}, and a manifest."""
    start = time.perf_counter()
    del work
    manifest: dict[str, Any] = {"source": settings.source}
    if isinstance(settings, FromWikiText):
        # What lies here is never replaced by what the network has.
        local = settings.path is not None
        contents = _local(inputs.files) if local else _unzipped(_download(WIKITEXT_MIRRORS))
        splits, manifest["files"] = _wikitext(contents)
    else:
        if isinstance(settings, FromPackages):
            manifest["packages"] = settings.packages
            documents = _from_packages(settings.packages)
        else:
            documents, manifest["files"] = _from_files(inputs.files, settings.document)
        splits = _deal(documents, settings.valid, settings.test)
    paths = {"train": outputs.train, "valid": outputs.valid, "test": outputs.test}
    manifest["splits"] = {split: _write(splits[split], paths[split]) for split in SPLITS}
    write_json(outputs.manifest, manifest)
    size = sum(facts["bytes"] for facts in manifest["splits"].values())
    for split, facts in manifest["splits"].items():
        print(f"corpus: {split} {facts['documents']:,} documents, {facts['bytes']:,} bytes")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes_per_s": size / seconds}


def _deal(documents: list[Document], valid: float, test: float) -> dict[str, list[Document]]:
    splits = deal(documents, valid, test)
    for split, dealt in splits.items():
        if not dealt:
            raise BadInput(
                f"corpus: no document falls to the {split} split of {len(documents)} with "
                f"valid: {valid}, test: {test}; every split needs one, so give more documents "
                "or other fractions"
            )
    return splits


def _write(documents: list[Document], path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as stream:
        for document in documents:
            line = json.dumps(document._asdict(), ensure_ascii=False).encode() + b"\n"
            stream.write(line)
            digest.update(line)
            size += len(document.text.encode())
    return {"documents": len(documents), "bytes": size, "sha256": digest.hexdigest()}


def _from_packages(packages: dict[str, str]) -> list[Document]:
    documents = []
    for name, wanted in sorted(packages.items()):
        files = _source_files(name, wanted)
        found = [
            Document(f"{file.as_posix()}:{docstring.name}".rstrip(":"), docstring.text)
            for file in files
            for docstring in docstrings(_read(Path(str(file.locate()))), LONGER_THAN)
        ]
        print(
            f"corpus: {name} {wanted}, {len(files):,} files, {len(found):,} docstrings", flush=True
        )
        documents += found
    return documents


def _source_files(name: str, wanted: str) -> list[importlib.metadata.PackagePath]:
    """Return the Python files of an installed distribution, as its record lists them, sorted."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise BadInput(f"corpus.packages.{name}: {wanted}; no such package is installed") from None
    # A local label such as +cpu names a build of the same sources.
    if wanted not in (distribution.version, distribution.version.partition("+")[0]):
        raise BadInput(
            f"corpus.packages.{name}: {wanted}; {distribution.version} is installed, "
            "and another version has other docstrings"
        )
    files = [
        file
        for file in distribution.files or []
        if file.suffix == ".py" and not file.as_posix().startswith(EXCLUDED)
    ]
    if not files:
        raise BadInput(f"corpus.packages.{name}: the installed package lists no Python files")
    return sorted(files, key=lambda file: file.as_posix())


def _from_files(paths: Sequence[Path], document: str) -> tuple[list[Document], dict[str, str]]:
    base = os.path.commonpath([path.parent for path in paths])
    documents: list[Document] = []
    sums = {}
    for path in sorted(paths):
        name = Path(os.path.relpath(path, base)).as_posix()
        content = _read(path)
        sums[name] = hashlib.sha256(content).hexdigest()
        text = _decode(content, path)
        if document == "file":
            documents.append(Document(name, text))
        else:
            documents += [Document(f"{name}:{line}", part) for line, part in paragraphs(text)]
    print(f"corpus: {len(paths):,} files, {len(documents):,} documents", flush=True)
    return documents, sums


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; a readable file is needed") from None


def _decode(content: bytes, path: Path) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8; "
            "a corpus is UTF-8 text"
        ) from None
    if not text.strip():
        raise BadInput(f"{path}: the file holds no text")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _wikitext(contents: dict[Path, bytes]) -> tuple[dict[str, list[Document]], dict[str, str]]:
    """Return the official splits of WikiText-2, one document per article, and the files' hashes."""
    paths = {path.stem: path for path in contents}
    splits, sums = {}, {}
    for split, expected in WIKITEXT_LINES.items():
        path = paths[f"wiki.{split}"]
        text = _decode(contents[path], path)
        lines = text.count("\n")
        if lines != expected:
            raise BadInput(f"{path}: {lines} lines; WikiText-2 has {expected} there")
        splits[split] = [Document(f"{path.name}:{title}", part) for title, part in articles(text)]
        sums[path.name] = hashlib.sha256(contents[path]).hexdigest()
    return splits, sums


def _local(paths: Sequence[Path]) -> dict[Path, bytes]:
    """Return the files of the splits, given as they are or as the one zip that holds them."""
    if not paths:
        raise BadInput("corpus.path: WikiText-2 is said to lie here, and no file of it is here")
    contents = {path: _read(path) for path in paths}
    if len(contents) > 1:
        return contents
    ((path, content),) = contents.items()
    if fault := _fault(content):
        raise BadInput(f"{path}: {fault}")
    return _unzipped(content)


def _unzipped(content: bytes) -> dict[Path, bytes]:
    names = [f"wikitext-2/wiki.{split}.tokens" for split in SPLITS]
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        return {Path(name): files.read(name) for name in names}


def _fault(content: bytes) -> str | None:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 == WIKITEXT_MD5:
        return None
    return f"{len(content):,} bytes with md5 {md5}; wikitext-2-v1.zip has {WIKITEXT_MD5}"


def _download(mirrors: tuple[str, ...]) -> bytes:
    """Return the archive from the first mirror that has it; it is kept in memory (4.5 MB)."""
    faults = []
    for mirror in mirrors:
        print(f"corpus: {mirror}", flush=True)
        try:
            content = b"".join(_blocks(mirror))
        except (OSError, http.client.HTTPException) as error:
            fault = str(error)
        else:
            fault = _fault(content)
            if fault is None:
                return content
        print(f"corpus: {fault}", flush=True)
        faults.append(f"  {mirror}: {fault}")
    raise BadInput(
        "corpus: no mirror has wikitext-2-v1.zip, and nothing was kept:\n"
        + "\n".join(faults)
        + "\nGive `path:`, a local copy of the zip or a folder with its three files"
    )


def _blocks(address: str) -> Iterator[bytes]:
    # Some hosts refuse urllib's own name.
    request = urllib.request.Request(address, headers={"User-Agent": "scaletrace"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        total = int(response.headers.get("Content-Length", 0))
        received, shown = 0, time.monotonic()
        while block := response.read(1 << 16):
            received += len(block)
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                print(f"corpus: {received:,} of {total:,} bytes", flush=True)
            yield block
    if received < total:
        raise OSError(f"the connection ended after {received:,} of {total:,} bytes")
