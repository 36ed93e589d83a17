"""Labels: what the metadata of an output say of how its color was made."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from koalacli.config import ColorizeConfig
from koalacli.control.references import Followed
from koalacli.io.picture.metadata import Metadata, only_orientation
from koalacli.io.picture.xmp import Provenance, with_provenance
from koalacli.photograph.canvas import Canvas

Label = Callable[[str], Metadata]  # the metadata to write, given what is told of a reference that is chosen later


def labeled(
    metadata: Metadata, config: ColorizeConfig, provenance: Provenance, remarks: list[str], orientation: int = 1
) -> Metadata:
    """Metadata as it will be written: stripped if asked for, and with provenance."""
    remarks += [metadata.lost] if metadata.lost else []
    if config.strip_metadata:
        metadata = Metadata(icc=metadata.icc, dpi=metadata.dpi, exif=only_orientation(orientation))
    if config.provenance:
        metadata = replace(metadata, xmp=with_provenance(metadata.xmp, provenance))
    return metadata


def label_of(metadata: Metadata, config: ColorizeConfig, provenance: Provenance, orientation: int = 1) -> Label:
    """How metadata are labeled once it is known which reference was followed."""
    return lambda told: labeled(metadata, config, replace(provenance, reference=told), [], orientation)


def tell_references(canvas: Canvas, label: Label | None, colorings: Sequence[Any]) -> list[str]:
    """Write into the metadata which references were followed, and how; returns the remarks of it."""
    told = dict.fromkeys(one.told for one in colorings if isinstance(one, Followed))
    if told and label:
        canvas.relabel(label("; ".join(told)))
    return [f"reference: {one}" for one in told]
