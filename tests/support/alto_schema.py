"""Checks ALTO against the part of its schema that we write, as strictly as the schema does.

No package in the registries brings the official schema (alto-4-4.xsd), so this is a compact one of our own, written
from its documentation: for each element, what may be inside of it in which order, and which attributes it must and may
have, of which types. Whatever it does not know is an error, so that a new element is looked up first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|-?INF|NaN")
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
_POINTS = re.compile(r"\d+(\.\d+)?,\d+(\.\d+)?( \d+(\.\d+)?,\d+(\.\d+)?)*")


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


def _share(value: str) -> bool:
    return _FLOAT.fullmatch(value) is not None and 0 <= float(value) <= 1


Types = Mapping[str, Callable[[str], bool]]
_STRING = _matches(re.compile(r"(?s).*"))
_ID = _REFERENCES = _matches(_NAME)  # their meaning is looked at in ``faults``
_NUMBER = _matches(_FLOAT)
_PLACE: Types = dict.fromkeys(("HPOS", "VPOS", "WIDTH", "HEIGHT"), _NUMBER)
_QUALITIES = {"OK", "Missing", "Missing in original", "Damaged", "Retained", "Target", "As in original"}


@dataclass(frozen=True, kw_only=True)
class _Element:
    """What an element may look like; ``inside`` is a regular expression over the names of its children."""

    inside: str = ""
    must: Types = field(default_factory=dict)
    may: Types = field(default_factory=dict)
    text: Callable[[str], bool] | None = None


_STEP = _Element(inside="(processingStepDescription )*(processingStepSettings )?(processingSoftware )?")
_TEXT = _Element(text=_STRING)
_ELEMENTS: Mapping[str, _Element] = {
    "alto": _Element(
        inside="(Description )?(Styles )?Layout ", may={"SCHEMAVERSION": _STRING, _SCHEMA_LOCATION: _STRING}
    ),
    "Description": _Element(inside="MeasurementUnit (sourceImageInformation )?(OCRProcessing )*"),
    "MeasurementUnit": _Element(text=lambda value: value in {"pixel", "mm10", "inch1200"}),
    "sourceImageInformation": _Element(inside="(fileName )?"),
    "fileName": _TEXT,
    "OCRProcessing": _Element(inside="(preProcessingStep )*ocrProcessingStep (postProcessingStep )*", must={"ID": _ID}),
    "preProcessingStep": _STEP,
    "ocrProcessingStep": _STEP,
    "processingStepDescription": _TEXT,
    "processingStepSettings": _TEXT,
    "processingSoftware": _Element(inside="(softwareCreator )?(softwareName )?(softwareVersion )?"),
    "softwareName": _TEXT,
    "softwareVersion": _TEXT,
    "Styles": _Element(inside="(TextStyle )*(ParagraphStyle )*"),
    "TextStyle": _Element(may={"ID": _ID, "FONTSIZE": _NUMBER}),
    "Layout": _Element(inside="(Page )+"),
    "Page": _Element(
        inside="(PrintSpace )?",
        must={"ID": _ID, "PHYSICAL_IMG_NR": _NUMBER},
        may={
            "WIDTH": _NUMBER,
            "HEIGHT": _NUMBER,
            "QUALITY": lambda value: value in _QUALITIES,
            "QUALITY_DETAIL": _STRING,
        },
    ),
    "PrintSpace": _Element(inside="(Shape )?(TextBlock )*", may=_PLACE),
    "TextBlock": _Element(inside="(Shape )?(TextLine )*", must={"ID": _ID}, may={**_PLACE, "ROTATION": _NUMBER}),
    "TextLine": _Element(
        inside="(Shape )?(String (SP )?)+",
        may={
            **_PLACE,
            "ID": _ID,
            "STYLEREFS": _REFERENCES,
            "BASELINE": _matches(_POINTS),
            "BASEDIRECTION": lambda value: value in {"ltr", "rtl", "ttb", "btt"},
            "LANG": _matches(_LANGUAGE),
        },
    ),
    "Shape": _Element(inside="Polygon "),
    "Polygon": _Element(must={"POINTS": _matches(_POINTS)}),
    "String": _Element(
        must={"CONTENT": _STRING}, may={**_PLACE, "ID": _ID, "WC": _share, "CC": _matches(re.compile(r"\d+"))}
    ),
    "SP": _Element(may=_PLACE),
}


def faults(document: bytes) -> list[str]:
    """Where a document parts from the schema; empty where it does not."""
    root = ET.fromstring(document)  # noqa: S314 - our own
    if root.tag != f"{{{NAMESPACE}}}alto":
        return [f"the root is {root.tag}"]
    found = [fault for element in root.iter() for fault in _element_faults(element)]
    ids = [element.attrib["ID"] for element in root.iter() if "ID" in element.attrib]
    found += [f"{name} is given twice" for name in set(ids) if ids.count(name) > 1]
    references = {name for element in root.iter() for name in element.get("STYLEREFS", "").split()}
    return found + [f"{name} is referred to and nowhere" for name in references - set(ids)]


def _element_faults(element: ET.Element) -> list[str]:
    name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    known = _ELEMENTS.get(name)
    if known is None:
        return [f"{name} is not known here"]
    found = [f"{name}: {attribute} is missing" for attribute in known.must.keys() - element.attrib.keys()]
    for attribute, value in element.attrib.items():
        fits = {**known.must, **known.may}.get(attribute)
        if fits is None or not fits(value):
            found.append(f"{name}: {attribute}={value!r} is not in the schema")
    children = "".join(child.tag.removeprefix(f"{{{NAMESPACE}}}") + " " for child in element)
    if re.fullmatch(known.inside, children) is None:
        found.append(f"{name}: has inside {children!r}")
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    if not known.text(text) if known.text else text.strip():
        found.append(f"{name}: has the text {text.strip()!r}")
    return found
