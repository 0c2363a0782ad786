"""Tensors in a folder: a policy, or all that a training needs to go on as if it had never stopped.

A checkpoint `name` is two files: `name-<hash>.safetensors` with the numbers, and `name.json` with that hash, the
shape and dtype of every tensor, and free `meta`. The JSON is replaced last and in one step, and the tensors' file
is named after its content, so a folder holds the old checkpoint or the new one, never a mixture, whenever the
writer is killed. Nothing is ever unpickled: loading somebody's policy runs none of their code.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from simmig.errors import InputError, RunError

SCHEMA = 1  # of the JSON document
KIND = "simmig-checkpoint"
MOST_BYTES = 2**30  # of the tensors: a thousand times the largest policy of the papers, and still fits in memory
_MOST_JSON_BYTES = 2**24
_HASH_DIGITS = 16  # of the hash in the file name; the JSON holds all 64
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}


@dataclass(frozen=True, slots=True)
class _Document:
    """What `name.json` says: the hash of the tensors' file, (shape, dtype) of every tensor, and the meta."""

    sha256: str
    layout: dict[str, tuple[tuple[int, ...], str]]
    meta: dict[str, Any]


def write_checkpoint(folder: Path, name: str, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Path:
    """Write checkpoint `name` into the folder, in place of an older one of that name; return the JSON's path.

    `meta` is anything that JSON can hold: architecture, game, player counts, scales, versions, settings. One writer
    at a time for one name. Raises RunError for what could not be read again (a weight that is NaN or
    infinite, a meta that is not JSON, more than MOST_BYTES), and InputError if the folder cannot be written.
    """
    if not re.fullmatch(r"\w+", name):
        raise AssertionError(f"{name!r} as the name of a checkpoint: letters, digits and _ only")
    # Copies of their own: safetensors refuses tensors that share memory or lie in strides.
    copies = {
        key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for key, tensor in tensors.items()
    }
    for key, tensor in copies.items():
        if _dtype_name(tensor) not in _DTYPES:
            raise RunError(f"{folder / name}: {key} is {tensor.dtype}; expected one of {', '.join(_DTYPES)}")
        if not torch.isfinite(tensor).all():
            raise RunError(
                f"{folder / name}: {key} has a NaN or an infinity; expected finite numbers: training diverged"
            )
    data = safetensors.torch.save(copies)
    if len(data) > MOST_BYTES:
        raise RunError(f"{folder / name}: has {len(data)} bytes of tensors; expected {MOST_BYTES} at most")
    digest = sha256(data).hexdigest()
    document = {
        "schema": SCHEMA,
        "kind": KIND,
        "sha256": digest,
        "tensors": {
            key: {"shape": list(copies[key].shape), "dtype": _dtype_name(copies[key])} for key in sorted(copies)
        },
        "meta": dict(meta),
    }
    try:
        text = json.dumps(document, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RunError(f"{folder / name}.json: the meta is not JSON ({error})") from None
    path = folder / f"{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(_tensors_file(folder, name, digest), data)
        _replace(path, text.encode() + b"\n")
        _remove_older(folder, name, digest)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    return path


def read_checkpoint(
    folder: Path,
    name: str,
    expected_shapes: Mapping[str, Sequence[int]] | None = None,
    expected_dtypes: Mapping[str, torch.dtype] | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return (tensors, meta) of checkpoint `name`, on the CPU.

    With `expected_shapes` the checkpoint must hold exactly these tensors, with `expected_dtypes` those named there
    must be of these types. Raises InputError, one line that names the file, if a file is missing, cut short,
    changed, too large, of a later schema, or no checkpoint at all, and if a weight is NaN or infinite.
    """
    path = folder / f"{name}.json"
    document = _parse(path, _read(path, _MOST_JSON_BYTES))
    file = _tensors_file(folder, name, document.sha256)
    data = _read(file, MOST_BYTES)
    found = sha256(data).hexdigest()
    if found != document.sha256:
        raise _fault(
            file,
            data,
            f"{len(data)} bytes with sha256 {found[:12]}…; expected {document.sha256[:12]}… as {path.name} says: "
            "the file was cut short or changed, copy it again",
        )
    tensors = _tensors(file, data)
    _compare(file, tensors, {key: shape for key, (shape, _) in document.layout.items()}, path.name)
    _compare_dtypes(file, tensors, {key: dtype for key, (_, dtype) in document.layout.items()})
    if expected_shapes is not None:
        _compare(file, tensors, expected_shapes, "this network")
    if expected_dtypes is not None:
        _compare_dtypes(
            file, tensors, {key: str(dtype).removeprefix("torch.") for key, dtype in expected_dtypes.items()}
        )
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{file}: {key} has a NaN or an infinity; expected finite weights")
    return tensors, document.meta


def _dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _tensors_file(folder: Path, name: str, digest: str) -> Path:
    return folder / f"{name}-{digest[:_HASH_DIGITS]}.safetensors"


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old one or the new one, and on the disk before anything refers to it."""
    work = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with work.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        work.replace(path)
    finally:
        work.unlink(missing_ok=True)


def _remove_older(folder: Path, name: str, digest: str) -> None:
    """Remove the tensors that the JSON no longer names, and what killed writers left behind."""
    older = re.compile(rf"\.?{name}-[0-9a-f]{{{_HASH_DIGITS}}}\.safetensors(\.tmp-\d+)?|\.{name}\.json\.tmp-\d+")
    current = _tensors_file(folder, name, digest).name
    for path in folder.iterdir():
        if older.fullmatch(path.name) and path.name != current:
            path.unlink(missing_ok=True)


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file; expected a checkpoint of simmig")
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > most_bytes:
        raise InputError(f"{path}: has {path.stat().st_size} bytes; expected {most_bytes} at most")
    return data


def _fault(path: Path, data: bytes, text: str) -> InputError:
    """Return the error of a file that has failed a check, which says so if it is a pickle, bare or in torch's zip.

    A sound file may begin and end like a pickle, so this comes only after the check.
    """
    is_pickle = data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and data[-1:] == b"."
    if is_pickle or data.startswith(b"PK\x03\x04"):
        return InputError(f"{path}: is a pickle, which could run any code; expected a checkpoint of simmig")
    return InputError(f"{path}: {text}")


def _parse(path: Path, data: bytes) -> _Document:
    """Return what the JSON says; raises InputError unless every part of it has its form."""
    try:
        document = json.loads(data.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _fault(path, data, f"not JSON ({error})") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InputError(f'{path}: expected a JSON object with "kind": "{KIND}"')
    schema = document.get("schema")
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        hint = "; install a newer simmig" if type(schema) is int and schema > SCHEMA else ""
        raise InputError(f"{path}: schema is {schema!r:.40}; expected an integer from 1 to {SCHEMA}{hint}")
    digest = document.get("sha256")
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InputError(f"{path}: sha256 is {digest!r:.80}; expected 64 hexadecimal digits")
    tensors, meta = document.get("tensors"), document.get("meta")
    if not isinstance(tensors, dict) or not isinstance(meta, dict):
        raise InputError(f'{path}: expected JSON objects under "tensors" and "meta"')
    return _Document(digest, {key: _layout(path, key, entry) for key, entry in tensors.items()}, meta)


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _layout(path: Path, key: str, entry: object) -> tuple[tuple[int, ...], str]:
    shape, dtype = (entry.get("shape"), entry.get("dtype")) if isinstance(entry, dict) else (None, None)
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise InputError(f"{path}: shape of tensor {key!r:.80} is {shape!r:.80}; expected a list of sizes")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise InputError(f"{path}: dtype of tensor {key!r:.80} is {dtype!r:.80}; expected one of {', '.join(_DTYPES)}")
    return tuple(shape), dtype


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise _fault(path, data, f"not safetensors ({' '.join(str(error).split())[:120]})") from None


def _compare(path: Path, tensors: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]], who: str) -> None:
    if unmatched := sorted(tensors.keys() ^ shapes.keys()):
        fault = f"has {unmatched[0]!r:.80}, which {who} has not"
        if unmatched[0] in shapes:
            fault = f"lacks {unmatched[0]!r:.80}, which {who} has"
        raise InputError(f"{path}: {fault}; expected the same tensors in both")
    for key, shape in shapes.items():
        if tuple(tensors[key].shape) != tuple(shape):
            found, expected = list(tensors[key].shape), list(shape)
            raise InputError(f"{path}: {key} has shape {found}; expected {expected} as in {who}")


def _compare_dtypes(path: Path, tensors: Mapping[str, Tensor], dtypes: Mapping[str, str]) -> None:
    for key, dtype in dtypes.items():
        found = _dtype_name(tensors[key]) if key in tensors else "nothing"
        if found != dtype:
            raise InputError(f"{path}: {key} has dtype {found}; expected {dtype}")
