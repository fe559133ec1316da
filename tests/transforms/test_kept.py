"""Programs kept on disk: what a later process finds, and above all what it must not find."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.runtime import store

_NUMBER = itertools.count()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("WENGERT_CACHE", raising=False)
    return tmp_path / "code"


def module(folder: Path, text: str) -> Any:
    """The module of a file that always has the same name, as a new process would import it."""
    path = folder / "user_code.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(text))
    spec = importlib.util.spec_from_file_location(f"user_code_{next(_NUMBER)}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    made.__name__ = "user_code"
    sys.dont_write_bytecode = True
    exec(compile(path.read_text(), str(path), "exec"), vars(made))
    return made


def found(run: Callable[[], Any]) -> tuple[Any, bool]:
    """What `run` returns, and whether its program came from disk."""
    before = store.hits
    result = run()
    return result, store.hits >= before + 2


BASE = """
    SCALE = 3.0
    TABLE = np.arange(4.0)
    def helper(x, power=2):
        return x ** power * SCALE
    class Settings:
        offset = 1.0
    def f(x):
        return np.sum(helper(x) + TABLE[0] + Settings.offset)
"""


def test_a_later_process_finds_it_with_its_derivative(tmp_path: Path) -> None:
    x = np.linspace(1.0, 2.0, 5)
    for transform in (wg.jit, wg.grad, lambda f: wg.batch(wg.grad(f))):
        args = x if transform in (wg.jit, wg.grad) else np.stack([x, 2 * x])
        first, kept = found(lambda t=transform, a=args: t(module(tmp_path, BASE).f)(a))
        assert not kept
        second, kept = found(lambda t=transform, a=args: t(module(tmp_path, BASE).f)(a))
        assert kept
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 3.0", "SCALE = 4.0"),
        ("SCALE = 3.0", "SCALE = np.float32(3.0)"),
        ("power=2", "power=3"),
        ("x ** power * SCALE", "x ** power * SCALE + 1"),
        ("offset = 1.0", "offset = 2.0"),
        ("np.arange(4.0)", "np.arange(4)"),
        ("np.sum(", "np.max("),
    ],
)
def test_whatever_is_read_counts(tmp_path: Path, old: str, new: str) -> None:
    x = np.linspace(1.0, 2.0, 5)
    wg.jit(module(tmp_path, BASE).f)(x)
    changed = module(tmp_path, BASE.replace(old, new))
    result, kept = found(lambda: wg.jit(changed.f)(x))
    assert not kept
    np.testing.assert_allclose(result, changed.f(x), rtol=1e-14)


def test_values_set_from_outside_count(tmp_path: Path) -> None:
    x = np.linspace(1.0, 2.0, 5)
    wg.jit(module(tmp_path, BASE).f)(x)
    for name, value in {"SCALE": 5.0, "helper": lambda x: x + 7.0}.items():
        changed = module(tmp_path, BASE)
        setattr(changed, name, value)
        result, kept = found(lambda c=changed: wg.jit(c.f)(x))
        assert not kept
        np.testing.assert_allclose(result, changed.f(x), rtol=1e-14)


def test_closures_and_arguments_count(tmp_path: Path) -> None:
    text = """
    def make(a):
        def f(x, y=1.0):
            return x * a + y
        return f
    """
    seen = set()
    for a, x in [(2.0, 3.0), (3.0, 3.0), (3, 3.0), (2.0, np.float32(3.0)), (2.0, np.ones(3)), (2.0, np.ones(1))]:
        f = module(tmp_path, text).make(a)
        for expected in (False, True):
            result, kept = found(lambda f=f, x=x: wg.jit(f)(x))
            assert kept is expected
            np.testing.assert_array_equal(result, f(x))
        seen.add(repr(result))
    assert len(seen) > 3


def test_captured_arrays_are_those_of_this_process(tmp_path: Path) -> None:
    text = BASE.replace("TABLE[0]", "np.sum(TABLE)")
    first = module(tmp_path, text)
    wg.jit(first.f)(np.ones(3))
    second = module(tmp_path, text)
    second.TABLE[:] = 100.0
    result, kept = found(lambda: wg.jit(second.f)(np.ones(3)))
    assert kept and result == second.f(np.ones(3)) != first.f(np.ones(3))


def test_a_kept_program_watches_its_constants(tmp_path: Path) -> None:
    for _ in range(2):
        one = module(tmp_path, BASE)
        f = wg.jit(one.f)
        f(np.ones(3))
        one.SCALE = 10.0
        assert f(np.ones(3)) == one.f(np.ones(3))


def test_faults_layouts_writes_and_stages(tmp_path: Path) -> None:
    text = """
    def f(x, k):
        x[1:] = x[:-1] + x[k]
        return x.sum()
    """
    messages = []
    for expected in (False, True):
        f = wg.jit(module(tmp_path, text).f)
        x = np.arange(6.0)
        result, kept = found(lambda f=f, x=x: f(x, 2))
        assert kept is expected and result == x.sum()
        wanted = np.arange(12.0)[::2].copy()
        module(tmp_path, text).f(wanted, 2)
        strided = np.arange(12.0)[::2]
        assert f(strided, 2) == wanted.sum()
        np.testing.assert_array_equal(strided, wanted)
        with pytest.raises(IndexError) as error:
            f(np.arange(6.0), 6)
        messages.append(str(error.value))
        assert f.lower(x, 2).stages and "define" in f.lower(x, 2).llvm and "update" in f.lower(x, 2).ir()
    assert messages[0] == messages[1] and "line 4" in messages[1]


def test_structures_come_back_as_their_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    from typing import NamedTuple
    class State(NamedTuple):
        x: float
        v: float
    def f(s):
        return State(s.x + s.v, -s.x)
    """
    for expected in (False, True):
        one = module(tmp_path, text)
        monkeypatch.setitem(sys.modules, "user_code", one)
        result, kept = found(lambda one=one: wg.jit(one.f)(one.State(1.0, 2.0)))
        assert kept is expected and type(result) is one.State and result == (3.0, -1.0)


def test_what_is_uncertain_is_not_kept(tmp_path: Path, cache: Path) -> None:
    text = """
    class Box:
        def __init__(self):
            self.a = 2.0
    box = Box()
    def f(x):
        return x * box.a
    """
    one = module(tmp_path, text)
    assert wg.jit(one.f)(3.0) == 6.0
    one = module(tmp_path, text)
    one.box.a = 5.0
    assert wg.jit(one.f)(3.0) == 15.0


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_damaged_entries_are_ignored(tmp_path: Path, cache: Path, damage: bytes | None) -> None:
    assert wg.jit(module(tmp_path, BASE).f)(np.ones(3)) == 12.0
    for file in cache.iterdir():
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if damage is None else damage)
    result, kept = found(lambda: wg.jit(module(tmp_path, BASE).f)(np.ones(3)))
    assert result == 12.0 and not kept
    assert found(lambda: wg.jit(module(tmp_path, BASE).f)(np.ones(3))) == (12.0, True)


def test_off_and_others_directories(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE", "off")
    wg.jit(module(tmp_path, BASE).f)(np.ones(3))
    assert not cache.exists() and store.summary().startswith("off")
    monkeypatch.delenv("WENGERT_CACHE")
    wg.jit(module(tmp_path, BASE).f)(np.ones(3))
    assert len(store.entries()) == 2
    os.chmod(cache, 0o777)
    assert found(lambda: wg.jit(module(tmp_path, BASE).f)(np.ones(3))) == (12.0, False)
    os.chmod(cache, 0o700)
    assert store.clear() == 2 and not store.entries()


def test_the_least_recently_used_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_SIZE", "0.01")
    for k in range(200):
        store.save(f"{k:064x}", b"x" * 1000)
    sizes = sum(size for _, size, _ in store.entries())
    assert sizes <= 10_000 + 32 * 1100
    assert store.load(f"{199:064x}") == b"x" * 1000 and store.load(f"{0:064x}") is None


ORDERS = """
    def orders(x):
        low, high, first, second = 0, len(x), x.copy(), x + 1.0
        while low < high:
            middle = (low + high) // 2
            first[middle], second[low] = second[middle], 0.0
            low, high = (middle + 1, high) if x[middle] < 0.5 else (low, middle)
        return first, second
"""


def test_processes_share_it(tmp_path: Path) -> None:
    """And they make the same of a program, whatever the order of sets."""
    module(tmp_path, BASE + ORDERS)
    script = (
        "import numpy as np, wengert as wg, user_code, zlib; from wengert.compiler.runtime import store\n"
        "from wengert.compiler.transforms.fingerprint import environment\n"
        "made = zlib.crc32(wg.jit(user_code.orders).lower(np.ones(3)).ir().encode())\n"
        "print(wg.grad(user_code.f)(np.ones(3)).sum(), store.hits, hash(environment()), made)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", script]
    together = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [one.communicate()[0].split() for one in together]
    for seed in ("0", "1"):  # hashes of strings are no part of a key
        done = subprocess.run(command, env=environment | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
        outputs.append(done.stdout.split())
    assert [o[0] for o in outputs] == ["18.0"] * 4 and len({o[3] for o in outputs}) == 1
    if len({o[2] for o in outputs[:3]}) == 1:  # the compiler's own files were not edited meanwhile
        assert outputs[2][1] == outputs[3][1] == "5"


def test_a_kept_program_gives_the_same_kinds_of_numbers(tmp_path: Path) -> None:
    user = module(tmp_path, "def f(x):\n    return len(x), 0.5 * x.shape[0], x[0], x[0] > 0, not x.shape[0]\n")
    wanted = repr(user.f(np.ones(3)))
    assert [repr(wg.jit(user.f)(np.ones(3))) for _ in range(2)] == [wanted] * 2
    assert store.hits
