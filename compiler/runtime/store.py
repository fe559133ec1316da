"""Machine code kept on disk, so that a new process need not compile what an earlier one did.

One file per entry, named by the digest of all that the code depends on (see transforms/fingerprint.py). A file is written
under a name of its own and renamed, so that readers and writers in other processes never see a part of it; a digest of
the content in front of it finds damaged ones, which count as absent. The directory belongs to the user alone: what is
read from it is executed.

    WENGERT_CACHE_DIR     where; by default the platform's folder for caches
    WENGERT_CACHE=off     keep and use nothing
    WENGERT_CACHE_SIZE    megabytes kept (512); the least recently used entries are removed first
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import tempfile
from pathlib import Path
from typing import Any

from wengert.compiler.backend.nvptx import cache_folder

_MAGIC = b"wengert1"
_DIGEST_BYTES = 32
_SUFFIX = ".code"
_UNCHECKED_WRITES = 32
"""Entries written by this process between two looks at the size of the directory."""
_writes = 0
hits = misses = 0
"""Entries found, and looked for in vain, by this process."""


def enabled() -> bool:
    return os.environ.get("WENGERT_CACHE", "").lower() not in ("off", "0", "no", "false")


def directory() -> Path:
    """Where entries are kept; it need not exist yet."""
    return cache_folder("code")


def limit() -> int:
    """The most bytes that are kept."""
    try:
        return int(float(os.environ.get("WENGERT_CACHE_SIZE", "512")) * 1e6)
    except ValueError:
        return 512_000_000


def load(key: str) -> Any:
    """What was kept under `key` (a hexadecimal digest), or None where there is nothing, or nothing usable."""
    global hits, misses
    found = _load(directory() / (key + _SUFFIX)) if enabled() else None
    hits, misses = hits + (found is not None), misses + (found is None)
    return found


def _load(path: Path) -> Any:
    try:
        if not is_private(path.parent):
            return None
        data = path.read_bytes()
        start = len(_MAGIC) + _DIGEST_BYTES
        if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(data[start:]).digest() != data[len(_MAGIC) : start]:
            return None
        made = pickle.loads(data[start:])
        os.utime(path)
        return made
    except Exception:  # whatever is wrong with an entry, the function can be compiled
        return None


def save(key: str, content: Any) -> bool:
    """Keep `content` under `key`; False where it cannot be kept, which is no error."""
    if not enabled():
        return False
    try:
        body = pickle.dumps(content, protocol=5)
    except Exception:  # a class defined within a function, say
        return False
    path = directory() / (key + _SUFFIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not is_private(path.parent):
            return False
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest() + body)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError:
        return False
    _bound()
    return True


def entries() -> list[tuple[Path, int, float]]:
    """(file, bytes, time of last use) of each entry."""
    found = []
    with contextlib.suppress(OSError), os.scandir(directory()) as files:
        for file in files:
            with contextlib.suppress(OSError):
                found.append((Path(file.path), file.stat().st_size, file.stat().st_mtime))
    return [f for f in found if f[0].suffix == _SUFFIX or f[0].name.startswith(".new")]


def clear() -> int:
    """Remove every entry; how many there were."""
    found = entries()
    for path, _, _ in found:
        with contextlib.suppress(OSError):
            path.unlink()
    return len(found)


def summary() -> str:
    """One line for a person: where, how many, how large."""
    if not enabled():
        return "off (WENGERT_CACHE)"
    found = entries()
    size = sum(size for _, size, _ in found)
    return f"{directory()}: {len(found)} programs, {size / 1e6:.1f} of at most {limit() / 1e6:.0f} MB"


def _bound() -> None:
    """Remove the least recently used entries where there are too many, down to three quarters."""
    global _writes
    _writes += 1
    if _writes % _UNCHECKED_WRITES != 1:
        return
    found = sorted(entries(), key=lambda entry: entry[2])
    total = sum(size for _, size, _ in found)
    if total <= limit():
        return
    for path, size, _ in found:
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
        if total <= limit() * 3 // 4:
            return


def is_private(path: Path) -> bool:
    """Whether nobody else can write into a directory."""
    if not hasattr(os, "getuid"):
        return True
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
