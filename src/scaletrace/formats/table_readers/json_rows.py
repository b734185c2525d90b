"""Tables in JSON: one object a line, an array of objects, or an object of columns."""

import json
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers.grid import Grid, require_small, written
from scaletrace.formats.untrusted import from_json


def read(path: Path, text: str) -> Grid:
    """Return the table that a text in JSON holds; an object inside a row is columns `a.b`.

    Raises:
        BadInput: it is no JSON, or no rows of named values.
    """
    try:
        content = from_json(text.encode())
    except ValueError as error:
        if not text.lstrip().startswith("{"):
            raise BadInput(f"{path}: no JSON ({error})") from None
        lines, records = _by_line(path, text)
    else:
        if isinstance(content, dict) and content:
            content = _from_columns(content)
        records = content if isinstance(content, list) else [content]
        lines = list(range(1, len(records) + 1))
    rows = [_flat(path, record, line) for record, line in zip(records, lines, strict=True)]
    header = list(dict.fromkeys(name for row in rows for name in row))
    require_small(path, len(header) * len(rows), 0)
    cells = [[row.get(name, "") for name in header] for row in rows]
    return Grid([name.strip() for name in header], cells, lines)


def _by_line(path: Path, text: str) -> tuple[list[int], list[Any]]:
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        # All at once, which is several times as fast as line by line.
        records = from_json(f"[{','.join(line for _, line in lines)}]".encode())
        if len(records) == len(lines):
            return [i for i, _ in lines], records
    except ValueError:
        pass
    for number, line in lines:
        try:
            from_json(line.encode())
        except ValueError as error:
            raise BadInput(f"{path}: line {number}: no JSON ({error})") from None
    raise BadInput(f"{path}: every line must hold one object")


def _from_columns(content: dict[str, Any]) -> Any:
    """Return the rows of an object of columns, each a list, or an object by row as pandas has."""
    columns = list(content.values())
    if all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) == 1:
            return [dict(zip(content, cells, strict=True)) for cells in zip(*columns, strict=True)]
    elif all(isinstance(column, dict) for column in columns):
        keys = list(columns[0])
        if keys and all(list(column) == keys for column in columns):
            return [{name: content[name][key] for name in content} for key in keys]
    return content


def _flat(path: Path, record: Any, line: int) -> dict[str, str]:
    if not isinstance(record, dict):
        raise BadInput(
            f"{path}: row {line}: found {json.dumps(record)[:80]}; an object such as "
            '{"n_params": 1e8, "loss": 3.1} is needed'
        )
    cells: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells |= {f"{name}.{below}": cell for below, cell in _flat(path, value, line).items()}
        else:
            cells[name] = written(value)
    return cells
