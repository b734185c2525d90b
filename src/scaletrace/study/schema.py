"""`make schema`: what describes a study file, from the models and kinds that there are.

config/schema.json for editors, and in config/README.md the table of kinds.
"""

import json
import typing
from pathlib import Path

from scaletrace import kinds
from scaletrace.formats import files
from scaletrace.study.config import Study

SCHEMA = Path("config/schema.json")
PAGE = Path("config/README.md")
# Where a study names the kind of what is in a folder.
FOLDERS = {
    "corpus.source": "corpora",
    "vocabulary.kind": "tokenizers",
    "model.family": "families",
    "training.optimiser": "optimisers",
    "training.parametrisation.kind": "parametrisations",
    "fits.law": "laws",
    "figures": "figures",
}
BEGIN, END = "<!-- make schema writes from here -->\n", "<!-- to here -->\n"


def schema() -> str:
    """Return the JSON schema of a study file."""
    return json.dumps(Study.model_json_schema(), indent=2) + "\n"


def table() -> str:
    """Return the table of kinds in Markdown: where a study names them, and what each is."""
    rows = ["| key | value | what it is |", "|---|---|---|"]
    for key, folder in FOLDERS.items():
        for name in kinds.names(folder):
            kind = kinds.load(folder, name)
            rows.append(f"| `{key}` | `{_written(kind, key, name)}` | {kinds.summary(kind)} |")
    return "\n".join(rows) + "\n"


def _written(kind: typing.Any, key: str, name: str) -> str:
    """Return the name of a kind as a study writes it."""
    if not hasattr(kind, "Keys"):
        return name
    (value,) = typing.get_args(kind.Keys.model_fields[key.rpartition(".")[2]].annotation)
    return value


def with_table(page: str) -> str:
    """Return a page with the table of kinds as it is now."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    files.write_text(SCHEMA, schema())
    files.write_text(PAGE, with_table(PAGE.read_text(encoding="utf-8")))
