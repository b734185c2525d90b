"""JSON files of anybody's making as frozen dataclasses, or one sentence on what is wrong.

A key that a dataclass does not have is passed over: files may say more than is read here.
"""

import functools
import math
import reprlib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, Strict, TypeAdapter, ValidationError

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

T = TypeVar("T")
# More than any object that is read by name has in a file of ours.
MOST_NAMES = 1000
# Letters of a key's place that a sentence shows.
SHOWN = 80


def _number(value: Any) -> int | float:
    # A whole number stays one, because other files repeat it digit by digit.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a finite number is needed")
    return value


def _few(value: Any) -> Any:
    # Each that is wrong is remembered, unlike those of a list.
    if isinstance(value, dict) and len(value) > MOST_NAMES:
        raise ValueError(f"{len(value)} names; at most {MOST_NAMES} are read")
    return value


Number = Annotated[float, PlainValidator(_number)]
Whole = Annotated[int, Strict()]
Text = Annotated[str, Strict()]
Named = Annotated[dict[str, T], BeforeValidator(_few)]
Listed = Annotated[list[T], Field(fail_fast=True)]


@functools.cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def checked(content: Any, path: Path, kind: type[T], what: str) -> T:
    """Return the data of a JSON file as a dataclass.

    Args:
        content: the data.
        path: of the file, for the sentence.
        kind: the dataclass; its fields are keys, of the types above.
        what: the file is, for the sentence: "an evaluation".

    Raises:
        BadInput: a key is missing, or a value of another type.
    """
    try:
        return _adapter(kind).validate_python(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        # The name of a class says nothing to who reads a file.
        message = message.partition(" or an instance of ")[0]
        said = f"found {reprlib.repr(problem['input'])}; {message[0].lower()}{message[1:]}"
        said = "missing" if problem["type"] == "missing" else said
        key = _printable(".".join(map(str, problem["loc"]))) or "the whole of it"
        raise BadInput(f"{path}: not {what} ({key}: {said})") from None


def _printable(key: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in key[:SHOWN])


def parse(content: bytes, path: Path, kind: type[T], what: str) -> T:
    """Return the content of a JSON file as a dataclass, as `checked` does.

    Raises:
        BadInput: as for `checked`, or it is no JSON in UTF-8.
    """
    try:
        data = untrusted.from_json(content)
    except ValueError as error:
        raise BadInput(f"{path}: not {what} ({str(error)[:200]})") from None
    return checked(data, path, kind, what)


def read(path: Path, kind: type[T], what: str) -> T:
    """Read a JSON file as a dataclass, as `checked` does.

    Raises:
        BadInput: as for `parse`, or it cannot be read or is larger than any file of ours.
    """
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    return parse(content, path, kind, what)
