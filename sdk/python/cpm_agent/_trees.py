"""Installed trees, found and held by the file system alone."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Callable, NamedTuple

try:
    import fcntl
except ImportError:  # Windows: packages are held by leases there.
    fcntl = None  # type: ignore[assignment]

_TARGET = re.compile(r"/trees/sha256/([0-9a-f]{64})/root$")


class LockedTree(NamedTuple):
    path: Path
    release: Callable[[], None]


def lock_version(root: Path, name: str, version: str) -> LockedTree | None:
    """Finds an installed version by one readlink. None when it is not here."""
    try:
        target = os.readlink(root / "refs" / name / version)
    except OSError:
        return None
    match = _TARGET.search(target)
    return None if match is None else lock_tree(root, match[1])


def lock_tree(root: Path, tree: str) -> LockedTree | None:
    """Takes the lock first and looks then: collection takes a tree away only under the exclusive lock of that file."""
    if fcntl is None:
        return None
    try:
        lock = os.open(root / "locks" / tree, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    folder = root / "trees" / "sha256" / tree
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if (folder / "tree.json").exists():
            return LockedTree(folder / "root", lambda: os.close(lock))
    except OSError:
        pass  # Somebody removes it, or the file system has no locks: the agent says more.
    os.close(lock)
    return None
