"""Which field families there are, in an order in which each finds what it looks at.

A module of ``families`` that says ``FAMILY = …`` has one; a module that does not helps others. Nothing is registered
by importing, and nothing else needs to know of a new family.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType

from postprocess_svc.fields import families as shipped_package
from postprocess_svc.fields.candidate import Choice, FieldFamily, FieldKind
from postprocess_svc.fields.weights import BIAS, WEIGHTS


class FamiliesInvalid(Exception):
    """Families that cannot work together; the message names them."""


class Families:
    """Families that know each other's fields, each after those it looks at."""

    def __init__(self, families: Iterable[FieldFamily]) -> None:
        """Check and order them.

        Raises:
            FamiliesInvalid: two of one name or for one field, a field without weights or that no family has, a circle.
        """
        by_name: dict[str, FieldFamily] = {}
        owners: dict[str, str] = {}
        for family in families:
            if family.name in by_name:
                raise FamiliesInvalid(f"two families are named '{family.name}'")
            by_name[family.name] = family
            for field in family.fields:
                if field in owners:
                    raise FamiliesInvalid(f"'{owners[field]}' and '{family.name}' both have the field '{field}'")
                if field not in WEIGHTS and BIAS not in family.weights.get(field, ()):
                    raise FamiliesInvalid(f"'{family.name}' brings no weights for its field '{field}'")
                owners[field] = family.name
        self._predecessors = {name: _predecessors(family, owners) for name, family in by_name.items()}
        try:
            order = tuple(TopologicalSorter(self._predecessors).static_order())
        except CycleError as error:
            raise FamiliesInvalid(f"families look at each other in a circle: {' -> '.join(error.args[1])}") from None
        self._ordered = tuple(by_name[name] for name in order)
        self._owners = owners
        self.kinds: Mapping[str, FieldKind] = MappingProxyType(
            {str(field): family.kind for family in by_name.values() for field in family.fields}
        )
        """Every field with its kind, in the order of the families' modules."""

    def __iter__(self) -> Iterator[FieldFamily]:
        return iter(self._ordered)

    def needed_for(self, fields: Collection[str]) -> tuple[FieldFamily, ...]:
        """The families of these fields and those that they look at, in order.

        An answer never depends on what else is asked for: what a family looks at is always there.
        """
        needed: set[str] = set()
        waiting = [self._owners[field] for field in fields]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += self._predecessors[name]
        return tuple(family for family in self._ordered if family.name in needed)


def _predecessors(family: FieldFamily, owners: Mapping[str, str]) -> list[str]:
    unknown = [field for field in family.after if field not in owners]
    if unknown:
        raise FamiliesInvalid(f"'{family.name}' comes after '{unknown[0]}', which no family has")
    return sorted({owners[field] for field in family.after})


def discover(*packages: ModuleType) -> Families:
    """The families of some packages, by the names of their modules.

    Raises:
        FamiliesInvalid: what says to be a family is none, or they cannot work together.
    """
    found = []
    for package in packages:
        for info in sorted(iter_modules(package.__path__), key=lambda info: info.name):
            module = import_module(f"{package.__name__}.{info.name}")
            family = getattr(module, "FAMILY", None)
            if family is None:
                continue
            if not isinstance(family, FieldFamily):
                raise FamiliesInvalid(f"FAMILY of {module.__name__} is no FieldFamily")
            found.append(family)
    return Families(found)


@lru_cache(maxsize=1)
def shipped_families() -> Families:
    """Those of ``postprocess_svc.fields.families``."""
    return discover(shipped_package)


class Picks(Mapping[str, Choice]):
    """What a family may see of the choices before it: its own and those of the fields that it comes after.

    Looking at any other raises: an answer would depend on which other fields happened to be asked for.
    """

    def __init__(self, chosen: Mapping[str, Choice], family: FieldFamily) -> None:
        self._visible = frozenset((*family.fields, *family.after))
        self._chosen = chosen
        self._family = family

    def __getitem__(self, field: str) -> Choice:
        if field not in self._visible:
            raise LookupError(f"family '{self._family.name}' looks at '{field}' but does not say that it comes after")
        return self._chosen[field]

    def __iter__(self) -> Iterator[str]:
        return (field for field in self._chosen if field in self._visible)

    def __len__(self) -> int:
        return sum(1 for _ in self)
