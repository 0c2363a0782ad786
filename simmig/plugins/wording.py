"""How settings that were refused are put into words: the value, shortened, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, LiteralString

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 3

_EXPECTED = {
    "bool_type": "expected true or false",
    "dict_type": "expected a table { ... }",
    "extra_forbidden": "unknown key",
    "finite_number": "expected a finite number",
    "float_type": "expected a number",
    "int_from_float": "expected a whole number",
    "int_type": "expected a whole number",
    "list_type": "expected a list [ ... ]",
    "missing": "missing, and it has no default",
    "model_attributes_type": "expected a table { ... }",
    "model_type": "expected a table { ... }",
    "string_type": "expected text in quotes",
    "tuple_type": "expected a list [ ... ]",
    "union_tag_not_found": "expected a table with a key kind",
}
_MOST_HINTS = 200
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def show(value: object) -> str:
    """Return a value from a file as short text on one line; control characters are escaped."""
    return _SHORT.repr(value)


def did_you_mean(word: object, words: Iterable[str]) -> str:
    """Return ' (did you mean "x"?)' with the nearest of the words, or nothing if none is near."""
    near = get_close_matches(str(word), list(words), n=1)
    return f' (did you mean "{near[0]}"?)' if near else ""


def explain(detail: ErrorDetails) -> str:
    """Return '<value>: expected ...' for one thing that pydantic refused; no value where there is none."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":  # a plug-in's own check, which names what it refused
        return " ".join(str(context["error"]).split())
    if kind == "complaint":
        return detail["msg"]
    if kind == "missing":
        return _EXPECTED["missing"]
    value = context["tag"] if kind == "union_tag_invalid" else detail["input"]
    return f"{show(value)}: {_expected(kind, value, context) or detail['msg']}"


def _expected(kind: str, value: object, context: dict[str, Any]) -> str:
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"expected {words} {context[key]:g}"
    if kind in ("literal_error", "union_tag_invalid"):
        allowed = str(context.get("expected") or context["expected_tags"])
        near = did_you_mean(value, [word.strip("'") for word in allowed.replace(" or ", ", ").split(", ")])
        return f"expected {allowed}{near}"
    return _EXPECTED.get(kind, "")


def naming_near_keys(
    error: ValidationError, models: Mapping[tuple[str | int, ...], type[BaseModel]]
) -> ValidationError:
    """Return the same error with the nearest right name added to every unknown key of these models.

    `models` maps where a model stands in the validated value (() for the value itself) to the model. Of very
    many mistakes none gets a hint: nobody reads them, and looking for near names takes most of the time.
    """
    if error.error_count() > _MOST_HINTS:
        return error
    details: list[InitErrorDetails] = []
    for detail in error.errors():
        kind, message, context = detail["type"], detail["msg"], detail.get("ctx")
        model = models.get(detail["loc"][:-1])
        if kind == "extra_forbidden" and model is not None:
            keys = [field.alias or name for name, field in model.model_fields.items()]
            kind, message = "unknown_key", f"unknown key{did_you_mean(detail['loc'][-1], keys)}"
        # Rebuilt with its own type, message and context: pydantic takes no finished detail back.
        kept = PydanticCustomError(kind, message, context)
        details.append(InitErrorDetails(type=kept, loc=detail["loc"], input=detail["input"]))
    return ValidationError.from_exception_data(error.title, details)


def mistake(value: object, message: str, *path: str | int) -> ValidationError:
    """Return the error that refuses `value`, at `path` below what is being validated, with this message."""
    return _refusal("mistake", value, message, path)


def complaint(message: str, *path: str | int) -> ValidationError:
    """Return the error with this message, which tells itself what it refuses."""
    return _refusal("complaint", None, message, path)


def _refusal(kind: LiteralString, value: object, message: str, path: tuple[str | int, ...]) -> ValidationError:
    # The message travels as context: as a template its braces would be read as names.
    error = PydanticCustomError(kind, "{text}", {"text": message})
    return ValidationError.from_exception_data(kind, [InitErrorDetails(type=error, loc=path, input=value)])
