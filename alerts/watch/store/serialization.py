"""Frozen dataclasses as JSON values, and back. The history and the API use it."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dumps(value: Any) -> str:
    """The text of a dataclass, or of a tuple of them. Infinity is written as `json` does, which is not strict JSON."""
    return json.dumps(serialize(value), separators=(",", ":"), sort_keys=True)


def loads(kind: type[T], text: str) -> T:
    """The dataclass of a text. Raises: ValueError, TypeError or KeyError when the text has another type."""
    value: T = deserialize(kind, json.loads(text))
    return value


def serialize(value: Any) -> Any:
    """Dictionaries, lists, texts and numbers. Shape: a dataclass is a dictionary of its fields by name."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: serialize(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): serialize(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [serialize(each) for each in value]
    return value


def deserialize(hint: Any, value: Any) -> Any:
    """The value of that type. A missing field gets its default; an unknown field is an error.

    Raises: ValueError, TypeError or KeyError.
    """
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        (kind,) = (each for each in get_args(hint) if each is not NoneType)
        return None if value is None else deserialize(kind, value)
    if origin is tuple:
        (kind, _) = get_args(hint)
        return tuple(deserialize(kind, each) for each in value)
    if origin is not None and issubclass(origin, Mapping):
        (_, kind) = get_args(hint)
        return {str(key): deserialize(kind, each) for key, each in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return hint(**{name: deserialize(_hints(hint)[name], each) for name, each in value.items()})
    return float(value) if hint is float else hint(value)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
