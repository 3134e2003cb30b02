"""Import modules of a user's code folder under the names by which they import one another.

A research repository says `from models.generator import G`, so that its folder must stand on
Python's path, before all else, as it does for a script. Several studies may be read in one process,
whose folders have modules of one name: one folder is on the path at a time, and the modules of the
others wait beside.
"""

from __future__ import annotations

import importlib
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType

Modules = dict[str, ModuleType]


@dataclass
class CodeRoot:
    """A folder of copies, with what was imported from it."""

    path: Path
    names: frozenset[str]
    """Of the modules at its top."""
    imported: Modules = field(default_factory=dict)
    """While another folder is on the path."""
    hidden: Modules = field(default_factory=dict)
    """Others' modules of the same names, while this one is."""


_lock = threading.RLock()
_active: CodeRoot | None = None


def import_from(root: CodeRoot, file: str) -> ModuleType:
    """Return the module of a file in the folder, imported once per process.

    file: its path in the folder, with slashes. Whatever the import raises is raised.
    """
    with _lock:
        activate(root)
        name = ".".join(PurePosixPath(file).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        found = getattr(module, "__file__", None)
        if found is None or not Path(found).is_relative_to(root.path):
            raise ImportError(
                f"{name} was found in {found}: an installed package has its name, so give the folder "
                f"{PurePosixPath(file).parts[0]} a file __init__.py, or another name"
            )
        return module


def activate(root: CodeRoot) -> None:
    """Put a folder on Python's path in place of the one that was there."""
    global _active
    with _lock:
        if _active is root:
            return
        if _active is not None:
            _active.imported = _taken(_active.names)
            sys.modules.update(_active.hidden)
            sys.path.remove(str(_active.path))
        root.hidden = _taken(root.names)
        sys.modules.update(root.imported)
        sys.path.insert(0, str(root.path))
        importlib.invalidate_caches()
        _active = root


def _taken(names: frozenset[str]) -> Modules:
    """Take the modules with a first name among `names` out of those that Python knows."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}
