"""YAML files that people write: read, validated, and every mistake named by file and key."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

# Of a file that a person writes (bytes).
LARGEST = 1 << 20
# Values that a YAML file may hold, its aliases written out: the lock of 15,000 jobs has half of it.
MOST_VALUES = 3_000_000
# A number of more digits, or a time of more parts, takes its parser minutes.
LONGEST_WORD = 4_000
# Numbers so long can be chosen for one hash; a mapping of many with one hash takes minutes.
MOST_LONG = 1_000
# What parsing YAML of anybody's making may raise.
UNREADABLE = (
    *(yaml.YAMLError, ValueError, TypeError, AttributeError),
    *(LookupError, ArithmeticError, RecursionError),
)
Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not a silent override."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice or is a list", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def require_plain(text: str, loader: Any) -> None:
    """Raise ValueError for YAML that would swell in memory or keep its parser busy for ever.

    Aliases may stand in it, as long as what they say is short when it is written out.

    Raises:
        ValueError: it is too deep or too large, or a word is too long.
        yaml.YAMLError: it is no YAML.
    """
    anchors: dict[str, int] = {}
    # How many values each open collection holds so far, and its anchor.
    holders: list[tuple[int, str | None]] = [(0, None)]
    written_out = long = 0
    for event in yaml.parse(text, loader):
        if getattr(event, "tag", None) is not None:
            raise ValueError(f"{str(event.tag)[:80]}: values have no tags here")
        values = 1
        written_out += 1
        if isinstance(event, yaml.CollectionStartEvent):
            holders.append((1, event.anchor))
            if len(holders) - 1 > untrusted.DEEPEST:
                raise ValueError(f"nested deeper than {untrusted.DEEPEST} levels")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            values, anchor = holders.pop()
            anchors |= {anchor: values} if anchor else {}
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise ValueError(f"*{str(event.anchor)[:80]} stands for what it is a part of")
            values = anchors[event.anchor]
            written_out += values
        elif isinstance(event, yaml.ScalarEvent):
            anchors |= {event.anchor: 1} if event.anchor else {}
            if event.style is None and len(event.value) > LONGEST_WORD:
                raise ValueError(f"a word of {len(event.value)} letters without quotes")
            long += event.style is None and len(event.value) > 18 and event.value.isdigit()
            if long > MOST_LONG:
                raise ValueError(f"more than {MOST_LONG} numbers of over 18 digits")
        if written_out > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values, its aliases written out")
        held, anchor = holders[-1]
        holders[-1] = held + values, anchor


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _key_path(error: Any, value: Any) -> str:
    """Write a pydantic location as the path of keys that stands in the file."""
    keys: list[str] = []
    for part in error["loc"]:
        if isinstance(part, str) and isinstance(value, dict) and part not in value:
            tags = {value.get("source"), value.get("kind"), value.get("law")}
            if part in tags or part == "[key]":
                continue
        if isinstance(part, int):
            keys[-1] = f"{keys[-1]}[{part}]" if keys else f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            keys.append(part)
            value = value.get(part) if isinstance(value, dict) else None
    return ".".join(keys)


def _explain(error: Any, content: Any, keys: str) -> str:
    """Say in one line where an error lies, what was found and what is allowed."""
    where = _key_path(error, content)
    kind, found = error["type"], error["input"]
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return f"{where}: {message}" if where else message
    if kind == "extra_forbidden":
        return f"{where}: unknown key (value {_shown(found)}); see {keys} for the keys"
    if kind == "missing":
        return f"{where}: missing; the key is required"
    if kind == "string_pattern_mismatch":
        message = (
            "allowed are small letters, digits, '-' and '_', beginning with a letter or digit, "
            "64 characters at most"
        )
    if kind == "finite_number" or (isinstance(found, float) and not math.isfinite(found)):
        message = "must be a finite number"
    return f"{where}: found {_shown(found)}; {message[0].lower()}{message[1:]}"


def read(path: Path, model: type[Model], keys: str) -> Model:
    """Read a YAML file as a model; `keys` is the file that describes its keys.

    Raises:
        BadInput: with one line per problem, each with the file, the key path, the value found
            and what is allowed.
    """
    try:
        text = untrusted.read_text(path, LARGEST)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; it is described in {keys}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error})") from None
    try:
        require_plain(text, _Loader)
        content = yaml.load(text, _Loader)
        # A file of nothing but comments.
        content = {} if content is None else content
    except UNREADABLE as error:
        raise BadInput(f"{path}: no valid YAML: {' '.join(str(error).split())[:400]}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: found {_shown(content)}; the file is a mapping of keys")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [f"{path}: {_explain(problem, content, keys)}" for problem in error.errors()]
        raise BadInput("\n".join(lines)) from None
