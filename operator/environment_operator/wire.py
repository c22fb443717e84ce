"""What is read of the API server's answers: lists and watches, of metadata alone or of whole objects. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from environment_operator import names


class Marks(BaseModel):
    """What is read of an object's annotations."""

    record: str = Field("", alias=names.RECORD)


class Metadata(BaseModel):
    """What is read of an object's metadata; the rest is skipped while parsing."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: Marks = Field(default_factory=Marks)
    owner_references: list[dict[str, Any]] = Field(default_factory=list, alias="ownerReferences")
    resource_version: str = Field("", alias="resourceVersion")


class Whole(Metadata):
    """What is read of an object that was asked for whole: more of its metadata, and its spec."""

    generation: int = 0
    deletion_timestamp: str = Field("", alias="deletionTimestamp")
    spec: dict[str, Any] = Field(default_factory=dict)


class Item(BaseModel):
    """An object of which only the metadata was asked for; code and message where it is a Status instead."""

    metadata: Metadata = Field(default_factory=Metadata)
    code: int = 0
    message: str = ""


class WholeItem(Item):
    """An object that was asked for whole; its spec goes to what is read of the metadata."""

    metadata: Whole = Field(default_factory=Whole)
    spec: dict[str, Any] = Field(default_factory=dict)

    def model_post_init(self, _: object, /) -> None:
        """Put the spec where the reader of a list or a watch finds it."""
        self.metadata.spec = self.spec


class ListMetadata(BaseModel):
    """Where a page stands: its version, and the token of the next one."""

    resource_version: str = Field("", alias="resourceVersion")
    next: str = Field("", alias="continue")


class MetadataPage(BaseModel):
    """One page of a list of metadata."""

    metadata: ListMetadata
    items: Sequence[Item] | None = None


class WholePage(MetadataPage):
    """One page of a list of whole objects."""

    items: Sequence[WholeItem] | None = None


class WatchEvent(BaseModel):
    """One line of a watch of metadata."""

    type: str
    object: Item


class WholeEvent(WatchEvent):
    """One line of a watch of whole objects."""

    object: WholeItem


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Args:
        items: the objects' metadata.
        version: the resource version of the list.
        next: token of the next page, empty on the last.
        now: the API server's clock when it answered.
    """

    items: list[Metadata]
    version: str
    next: str
    now: datetime
