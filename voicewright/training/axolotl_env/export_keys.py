"""Print the keys that this environment's Axolotl accepts, as nested JSON; a null leaf takes any value.

Run by voicewright/upstream.py with Axolotl's Python; imports nothing of ours.
"""

import json
import sys
import typing

from axolotl.utils.schemas.config import AxolotlInputConfig
from pydantic import BaseModel


def models_in(annotation):
    """Every pydantic model named in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in models_in(part)]


def allows_anything(annotation):
    """Whether an annotation also takes a free mapping, so that its inner keys cannot be judged."""
    if typing.get_origin(annotation) is dict or annotation in (dict, typing.Any):
        return True
    return any(allows_anything(part) for part in typing.get_args(annotation))


def keys_of(model, seen=()):
    keys = {}
    for name, field in model.model_fields.items():
        inner = [m for m in models_in(field.annotation) if m not in seen]
        if inner and not allows_anything(field.annotation):
            nested = {}
            for part in inner:
                nested.update(keys_of(part, (*seen, model)))
            value = nested
        else:
            value = None
        for key in {name, field.alias} - {None}:
            keys[key] = value
    return dict(sorted(keys.items()))


json.dump(keys_of(AxolotlInputConfig), sys.stdout, indent=1)
