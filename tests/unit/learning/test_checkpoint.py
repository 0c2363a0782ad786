import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from simmig.errors import InputError, RunError
from simmig.learning import checkpoint
from simmig.learning.checkpoint import read_checkpoint, write_checkpoint

TENSORS = {
    "weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7,
    "bias": torch.tensor([1e-300, -0.0], dtype=torch.float64),
    "steps": torch.tensor(3),
    "mask": torch.tensor([True, False]),
    "none": torch.zeros(0, 4, dtype=torch.bfloat16),
}
SHAPES = {name: tensor.shape for name, tensor in TENSORS.items()}
META = {"kind": "malppo", "players": [5, 2], "scale": 0.1, "note": "Ψ", "nothing": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, "policy", TENSORS, META)
    return tmp_path


def tensors_file(folder: Path) -> Path:
    (path,) = folder.glob("policy-*.safetensors")
    return path


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    as_bytes = [tensor.contiguous().flatten().view(torch.uint8) for tensor in (a, b)]
    return (a.shape, a.dtype) == (b.shape, b.dtype) and torch.equal(*as_bytes)


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    dtypes = {name: tensor.dtype for name, tensor in TENSORS.items()}
    tensors, meta = read_checkpoint(folder, "policy", SHAPES, dtypes)
    assert tensors.keys() == TENSORS.keys()
    assert all(same_bits(tensors[name], TENSORS[name]) for name in TENSORS)
    assert meta == META


def test_a_checkpoint_without_tensors_holds_its_meta(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "new" / "folder", "policy", {}, META)
    assert read_checkpoint(tmp_path / "new" / "folder", "policy") == ({}, META)


def test_tensors_that_share_memory_need_gradients_or_lie_in_strides_are_stored(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4).requires_grad_()
    views = {"whole": base, "turned": base.T, "row": base[1], "expanded": base[:, :1].expand(3, 4)}
    write_checkpoint(tmp_path, "policy", views, {})
    tensors, _ = read_checkpoint(tmp_path, "policy")
    assert all(torch.equal(tensors[name], views[name]) for name in views)
    assert not any(tensor.requires_grad for tensor in tensors.values())


def test_same_content_same_files(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", "policy", TENSORS, META)
    write_checkpoint(tmp_path / "b", "policy", dict(reversed(TENSORS.items())), META)
    files = [sorted((path.name, path.read_bytes()) for path in (tmp_path / name).iterdir()) for name in ("a", "b")]
    assert files[0] == files[1]


def test_a_new_checkpoint_replaces_the_old_one_and_only_that(folder: Path) -> None:
    write_checkpoint(folder, "policy_2", TENSORS, {})
    write_checkpoint(folder, "training", TENSORS, {})
    (folder / ".policy-0123456789abcdef.safetensors.tmp-1").write_bytes(b"left by a killed writer")
    others = {path for path in folder.iterdir() if not path.name.startswith(("policy-", ".policy-"))}
    write_checkpoint(folder, "policy", {"weight": torch.ones(1)}, {"number": 2})
    tensors, meta = read_checkpoint(folder, "policy")
    assert torch.equal(tensors["weight"], torch.ones(1))
    assert meta == {"number": 2}
    assert set(folder.iterdir()) == others | {tensors_file(folder)}


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_writer_killed_at_any_step_leaves_a_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Killed at its first rename, at its second, and before the removals after it; the dead clean up nothing."""
    replace, calls = Path.replace, []

    def die(*_: object) -> None:
        raise Killed

    def replace_or_die(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == step:
            die()
        return replace(path, target)

    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", replace_or_die)
        dying.setattr(Path, "unlink", lambda *_, **__: None)
        dying.setattr(checkpoint, "_remove_older", die)
        with pytest.raises(Killed):
            write_checkpoint(folder, "policy", {"weight": torch.ones(1)}, {"number": 2})
    assert len(list(folder.iterdir())) == (4 if step == 2 else 3)
    tensors, meta = read_checkpoint(folder, "policy")
    assert meta == ({"number": 2} if step == 3 else META)
    assert tensors.keys() == ({"weight"} if step == 3 else TENSORS.keys())
    monkeypatch.setattr(os, "getpid", lambda: 1)  # another process finds what the dead one left
    write_checkpoint(folder, "policy", TENSORS, META)
    assert len(list(folder.iterdir())) == 2


def cut_short(folder: Path) -> None:
    os.truncate(tensors_file(folder), 100)


def tamper(folder: Path) -> None:
    data = bytearray(tensors_file(folder).read_bytes())
    data[-1] ^= 1
    tensors_file(folder).write_bytes(data)


def put(folder: Path, data: bytes, *, with_its_hash: bool) -> None:
    """Put a file in the place of the tensors, under the name that the JSON gives or with a JSON that names it."""
    if not with_its_hash:
        tensors_file(folder).write_bytes(data)
        return
    digest = checkpoint.sha256(data).hexdigest()
    (folder / f"policy-{digest[:16]}.safetensors").write_bytes(data)
    edit(folder, lambda document: document.update(sha256=digest))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / "policy.json").read_text())
    change(document)
    (folder / "policy.json").write_text(json.dumps(document))


class Bomb:
    """Unpickled, it would make a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def put_torch_pickle(folder: Path) -> None:
    torch.save(TENSORS, tensors_file(folder))


def put_pickle_for_json(folder: Path) -> None:
    (folder / "policy.json").write_bytes(pickle.dumps(Bomb(folder / "exploded")))


def put_non_finite(folder: Path) -> None:
    bias = torch.tensor([1.0, torch.nan], dtype=torch.float64)
    put(folder, safetensors.torch.save({**TENSORS, "bias": bias}), with_its_hash=True)


def put_infinite(folder: Path) -> None:
    put(folder, safetensors.torch.save({**TENSORS, "weight": torch.full((2, 3), -torch.inf)}), with_its_hash=True)


def put_lengths_that_lie(folder: Path) -> None:
    put(folder, (2**62).to_bytes(8, "little") + b"{}", with_its_hash=True)


def put_overlapping(folder: Path) -> None:
    header = (
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    )
    put(folder, len(header).to_bytes(8, "little") + header + b"\0\0\0\0", with_its_hash=True)


def relabel(tensor: str, **entries: object) -> Callable[[Path], None]:
    """The fault of a JSON that says something else of a tensor."""
    return lambda folder: edit(folder, lambda document: document["tensors"].setdefault(tensor, {}).update(entries))


def rename_in_json(document: dict[str, Any]) -> None:
    document["tensors"]["gain"] = document["tensors"].pop("bias")


FAULTS: list[tuple[str, Callable[[Path], object], str]] = [
    ("no JSON", lambda f: (f / "policy.json").unlink(), r"policy\.json: there is no such file"),
    ("no tensors", lambda f: tensors_file(f).unlink(), r"\.safetensors: there is no such file"),
    ("truncated", cut_short, r"\.safetensors: 100 bytes with sha256 .* cut short or changed"),
    ("emptied", lambda f: os.truncate(tensors_file(f), 0), "0 bytes with sha256"),
    ("tampered", tamper, r"cut short or changed, copy it again"),
    ("pickle", lambda f: put(f, pickle.dumps(Bomb(f / "exploded")), with_its_hash=False), "is a pickle"),
    ("named pickle", lambda f: put(f, pickle.dumps(Bomb(f / "exploded")), with_its_hash=True), "is a pickle"),
    ("torch.save", put_torch_pickle, r"policy-\w+\.safetensors: is a pickle"),
    ("pickle for JSON", put_pickle_for_json, "json: is a pickle"),
    ("text", lambda f: put(f, b"not a tensor", with_its_hash=True), "not safetensors"),
    ("lying length", put_lengths_that_lie, "not safetensors"),
    ("overlapping", put_overlapping, "not safetensors"),
    ("NaN", put_non_finite, "bias has a NaN or an infinity"),
    ("infinity", put_infinite, "weight has a NaN or an infinity"),
    ("bad JSON", lambda f: (f / "policy.json").write_text('{"schema": 1,'), r"policy\.json: not JSON"),
    ("deep JSON", lambda f: (f / "policy.json").write_text("[" * 100_000), r"policy\.json: not JSON"),
    ("NaN in JSON", lambda f: edit(f, lambda d: d["meta"].update(x=float("nan"))), "NaN is no JSON number"),
    ("a list", lambda f: (f / "policy.json").write_text("[1]"), 'expected a JSON object with "kind"'),
    ("other kind", lambda f: edit(f, lambda d: d.update(kind="other")), '"kind": "simmig-checkpoint"'),
    ("future", lambda f: edit(f, lambda d: d.update(schema=2)), "schema is 2; .* from 1 to 1; install a newer simmig"),
    ("schema True", lambda f: edit(f, lambda d: d.update(schema=True)), "schema is True"),
    ("no schema", lambda f: edit(f, lambda d: d.pop("schema")), "schema is None"),
    ("other path", lambda f: edit(f, lambda d: d.update(sha256="../../x")), "expected 64 hexadecimal digits"),
    ("no hash", lambda f: edit(f, lambda d: d.pop("sha256")), "sha256 is None"),
    ("no meta", lambda f: edit(f, lambda d: d.pop("meta")), '"tensors" and "meta"'),
    ("no layout", lambda f: edit(f, lambda d: d.update(tensors=[])), '"tensors" and "meta"'),
    ("other shape", relabel("weight", shape=[3, 2]), r"weight has shape \[2, 3\]; expected \[3, 2\]"),
    ("odd shape", relabel("weight", shape=[-1]), r"shape of tensor 'weight' is \[-1\]"),
    ("other dtype", relabel("bias", dtype="float32"), "bias has dtype float64; expected float32"),
    ("odd dtype", relabel("bias", dtype="object"), "dtype of tensor 'bias' is 'object'"),
    ("layout a number", lambda f: edit(f, lambda d: d["tensors"].update(bias=1)), "shape of tensor 'bias' is None"),
    ("renamed", lambda f: edit(f, rename_in_json), "has 'bias', which policy.json has not"),
    ("missing", relabel("zeta", shape=[], dtype="int8"), "lacks 'zeta', which policy.json has"),
]


@pytest.mark.parametrize(("fault", "expected"), [entry[1:] for entry in FAULTS], ids=[entry[0] for entry in FAULTS])
def test_a_checkpoint_with_a_fault_is_refused_in_one_line(
    folder: Path, fault: Callable[[Path], object], expected: str
) -> None:
    fault(folder)
    with pytest.raises(InputError, match=expected) as caught:
        read_checkpoint(folder, "policy")
    assert "\n" not in str(caught.value)
    assert str(folder / "policy") in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (folder / "exploded").exists()


def test_the_bomb_would_explode(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "exploded")))
    assert (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("shapes", "dtypes", "expected"),
    [
        ({"weight": (2, 3)}, None, "has 'bias', which this network has not"),
        ({**SHAPES, "head": (1,)}, None, "lacks 'head', which this network has"),
        ({**SHAPES, "weight": (3, 3)}, None, r"weight has shape \[2, 3\]; expected \[3, 3\]"),
        (None, {"weight": torch.float64}, "weight has dtype float32; expected float64"),
        (None, {"head": torch.float64}, "head has dtype nothing; expected float64"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    folder: Path, shapes: dict[str, tuple[int, ...]] | None, dtypes: dict[str, torch.dtype] | None, expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        read_checkpoint(folder, "policy", shapes, dtypes)


@pytest.mark.parametrize(
    ("most", "file"), [("MOST_BYTES", "policy-.*safetensors"), ("_MOST_JSON_BYTES", "policy.json")]
)
def test_a_file_over_the_cap_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch, most: str, file: str) -> None:
    monkeypatch.setattr(checkpoint, most, 50)
    with pytest.raises(InputError, match=rf"{file}: has \d+ bytes; expected 50 at most"):
        read_checkpoint(folder, "policy")


def test_a_checkpoint_over_the_cap_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 50)
    with pytest.raises(RunError, match=r"policy: has \d+ bytes of tensors; expected 50 at most"):
        write_checkpoint(tmp_path, "policy", TENSORS, META)
    assert not list(tmp_path.iterdir())


def test_a_sound_file_that_begins_and_ends_like_a_pickle_is_read(tmp_path: Path) -> None:
    """A header of 640 bytes begins with 0x80 0x02, as pickles do, and the last weight may end in a full stop."""
    for length in range(1, 600):
        tensors = {"w" * length: torch.tensor([0x2E], dtype=torch.uint8)}
        if safetensors.torch.save(tensors)[:2] == b"\x80\x02":
            break
    write_checkpoint(tmp_path, "policy", tensors, {})
    assert tensors_file(tmp_path).read_bytes()[-1:] == b"."
    assert read_checkpoint(tmp_path, "policy")[0].keys() == tensors.keys()


@pytest.mark.parametrize(
    ("tensors", "meta", "expected"),
    [
        ({"weight": torch.tensor([1.0, torch.nan])}, {}, "weight has a NaN or an infinity; .*: training diverged"),
        ({"weight": torch.tensor([torch.inf]).bfloat16()}, {}, "weight has a NaN or an infinity"),
        ({"weight": torch.ones(1, dtype=torch.complex64)}, {}, "weight is torch.complex64; expected one of float64"),
        (TENSORS, {"regret": float("nan")}, r"policy\.json: the meta is not JSON"),
        (TENSORS, {"path": Path()}, r"policy\.json: the meta is not JSON"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    folder: Path, tensors: dict[str, torch.Tensor], meta: dict[str, Any], expected: str
) -> None:
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    with pytest.raises(RunError, match=expected):
        write_checkpoint(folder, "policy", tensors, meta)
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/policy\.json: cannot be written"):
        write_checkpoint(tmp_path / "file", "policy", TENSORS, {})
    with pytest.raises(InputError, match=r"file/policy\.json: (there is no such file|cannot be read)"):
        read_checkpoint(tmp_path / "file", "policy")
