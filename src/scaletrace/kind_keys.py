"""What a study says of a thing that comes in kinds: the keys that the kind's own file declares."""

import dataclasses
import functools
import operator
import sys
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from scaletrace import kinds
from scaletrace.formats.fields import Section


class KindKeys(Section):
    """The keys of one kind; in the schema they have the name and the summary of its file."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        kind = sys.modules[cls.__module__]
        described = {
            "title": kind.__name__.rpartition(".")[2],
            "description": f"{kinds.summary(kind)}.",
        }
        handler.resolve_ref_schema(schema).update(described)
        return schema


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Marks a key whose value has the `Keys` of one of a folder's kinds, chosen by `key`."""

    folder: str
    key: str

    def __get_pydantic_core_schema__(self, base: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        keys = [kinds.load(self.folder, name).Keys for name in kinds.names(self.folder)]
        union: Any = functools.reduce(operator.or_, keys)
        return handler.generate_schema(Annotated[union, Field(discriminator=self.key)])
