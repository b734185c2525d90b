"""What a study says of a thing that comes in kinds: the keys that the kind's own file declares."""

import dataclasses
import functools
import operator
import sys
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from scaletrace import kinds
from scaletrace.formats.fields import Section


def _described(schema: dict[str, Any], keys: type[BaseModel]) -> None:
    kind = sys.modules[keys.__module__]
    schema["title"] = kind.__name__.rpartition(".")[2]
    schema["description"] = f"{kinds.summary(kind)}."


class KindKeys(Section):
    """The keys of one kind; in the schema they have the name and the summary of its file."""

    # By a function and not by a method of pydantic's: what may act where a class is made counts
    # for the fingerprint of every job that loads the file.
    model_config = ConfigDict(json_schema_extra=_described)


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Marks a key whose value has the `Keys` of one of a folder's kinds, chosen by `key`."""

    folder: str
    key: str

    def __get_pydantic_core_schema__(self, base: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        keys = [kinds.load(self.folder, name).Keys for name in kinds.names(self.folder)]
        union: Any = functools.reduce(operator.or_, keys)
        return handler.generate_schema(Annotated[union, Field(discriminator=self.key)])
