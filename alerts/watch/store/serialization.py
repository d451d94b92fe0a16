"""Frozen dataclasses to JSON's plain values and back: how watches and judgements are kept on disk."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dumps(value: Any) -> str:
    """The text of a dataclass, or of a tuple of such. Infinity stays itself, as Python's own reader takes it."""
    return json.dumps(plain(value), separators=(",", ":"), sort_keys=True)


def loads(kind: type[T], text: str) -> T:
    """The dataclass of a text. Raises: ValueError, TypeError or KeyError when it is not of that kind."""
    value: T = restore(kind, json.loads(text))
    return value


def plain(value: Any) -> Any:
    """Dictionaries, lists, texts, numbers: every field by its name."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def restore(hint: Any, value: Any) -> Any:
    """The value of that type. What a later version added is refused; what an earlier one lacked has its default."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _optional(hint, value)
    if origin is tuple:
        (kind, _) = get_args(hint)
        return tuple(restore(kind, each) for each in value)
    if origin is not None and issubclass(origin, Mapping):
        (_, kind) = get_args(hint)
        return {str(key): restore(kind, each) for key, each in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return hint(**{name: restore(_hints(hint)[name], each) for name, each in value.items()})
    return float(value) if hint is float else hint(value)


def _optional(hint: Any, value: Any) -> Any:
    (kind,) = (each for each in get_args(hint) if each is not NoneType)
    return None if value is None else restore(kind, value)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
