"""`make schema`: config/schema.json from the models."""

import json
from pathlib import Path

from scaletrace.formats import files
from scaletrace.study.config import Study

SCHEMA = Path("config/schema.json")


def schema() -> str:
    """Return the JSON schema of a study file."""
    return json.dumps(Study.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    files.write_text(SCHEMA, schema())
