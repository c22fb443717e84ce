"""What is read of the API server's answers: lists and watches, of metadata alone or of whole objects. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from environment_operator.api import names
from environment_operator.kube.errors import Reason


class Marks(BaseModel):
    """What is read of an object's annotations."""

    record: str = Field("", alias=names.RECORD)
    scope: str = Field("", alias=names.SCOPE)
    published_from: str = Field("", alias=names.PUBLISHED_FROM)
    tools: str = Field("", alias=names.TOOLS)
    exposes: str = Field("", alias=names.EXPOSES)
    claim: str = Field("", alias=names.CLAIM)


class Metadata(BaseModel):
    """What is read of an object's metadata; the rest is skipped while parsing."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: Marks = Field(default_factory=Marks)
    owner_references: list[dict[str, Any]] = Field(default_factory=list, alias="ownerReferences")
    resource_version: str = Field("", alias="resourceVersion")


class Whole(Metadata):
    """What is read of an object that was asked for whole: more of its metadata, spec and status, or a Secret's data."""

    generation: int = 0
    deletion_timestamp: str = Field("", alias="deletionTimestamp")
    spec: dict[str, Any] = Field(default_factory=dict)
    type: str = ""
    data: dict[str, str] = Field(default_factory=dict, repr=False)
    invalid: str = ""
    status: Any = Field(None, repr=False)


class Item(BaseModel):
    """An object of which only the metadata was asked for; code and message where it is a Status instead."""

    metadata: Metadata = Field(default_factory=Metadata)
    code: int = 0
    message: str = ""


class WholeItem(Item):
    """An object that was asked for whole; what it holds goes to what is read of the metadata."""

    metadata: Whole = Field(default_factory=Whole)
    spec: dict[str, Any] = Field(default_factory=dict)
    type: str = ""
    data: dict[str, str] | None = Field(None, repr=False)
    # That of the Status in which a watch ends is a text.
    status: Any = Field(None, repr=False)

    def model_post_init(self, _: object, /) -> None:
        """Put what it holds where the reader of a list or a watch finds it."""
        self.metadata.spec, self.metadata.type, self.metadata.data = self.spec, self.type, self.data or {}
        self.metadata.status = self.status
        self.metadata.invalid = invalid_fragment(self.status, self.metadata.generation)


def invalid_fragment(status: Any, generation: int) -> str:
    """Return why no workload can have an Environment, as its status says of a generation; empty when it does not."""
    for condition in (status.get("conditions") if isinstance(status, Mapping) else None) or ():
        about = (condition.get("type"), condition.get("reason"), condition.get("observedGeneration"))
        if about == ("Stalled", Reason.INVALID_FRAGMENT, generation):
            return str(condition.get("message", ""))
    return ""


class ListMetadata(BaseModel):
    """Where a page stands: its version, and the token of the next one."""

    resource_version: str = Field("", alias="resourceVersion")
    next: str = Field("", alias="continue")


class MetadataPage(BaseModel):
    """One page of a list of metadata."""

    metadata: ListMetadata
    items: Sequence[Item] | None = None


class WholePage(MetadataPage):
    """One page of a list of whole objects; what may be a Secret is in no error."""

    model_config = ConfigDict(hide_input_in_errors=True)

    items: Sequence[WholeItem] | None = None


class WatchEvent(BaseModel):
    """One line of a watch of metadata."""

    type: str
    object: Item


class WholeEvent(WatchEvent):
    """One line of a watch of whole objects, as `WholePage`."""

    model_config = ConfigDict(hide_input_in_errors=True)

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
