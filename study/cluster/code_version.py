"""Workers run the driver's own code, or refuse.

Exactly the packages that the driver imported are staged and shipped, and every worker compares
their digest with what it imported.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import shutil
import socket
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ganstudy
import ganstudy.study
import ganstudy.trials
from ganstudy.trials.config import plugins

SHIPPED_FOLDERS = {
    "study": Path(str(ganstudy.study.__file__)).parent,
    "trials": Path(str(ganstudy.trials.__file__)).parent,
}
"""What workers import; analysis stays with the driver."""
PACKAGES = (
    "torch",
    "torchvision",
    "torch-fidelity",
    "numpy",
    "scipy",
    "scikit-learn",
    "optuna",
    "ray",
)
"""Installed packages whose versions may change a trial's numbers."""


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix == ".py")


@functools.cache
def source_digest() -> str:
    """Return the hex digest of the packages' source as imported in this process."""
    digest = hashlib.blake2b(digest_size=8)
    for name, folder in SHIPPED_FOLDERS.items():
        for path in _sources(folder):
            digest.update(f"{name}/{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def stage(target: Path, plugin_digests: Iterable[str] = ()) -> Path:
    """Copy the packages, and the user's code of those digests, to `target`, Ray's working_dir."""
    # As an installed package lies: the folders of the repository under the one import name.
    package = target / "ganstudy"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(ganstudy.__file__), package / "__init__.py")
    copies = [
        (path, package / name / path.relative_to(folder))
        for name, folder in SHIPPED_FOLDERS.items()
        for path in _sources(folder)
    ]
    for digest in plugin_digests:
        plugins.copy_to(digest, package / "plugins")
    for path, copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return target


def code_provenance() -> dict[str, str]:
    """Return our source's digest and the versions of Python and `PACKAGES`; loads none of them."""
    # From the packages' metadata: importing torch alone takes seconds.
    found = {"ganstudy source": source_digest(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def differing(expected: Mapping[str, str], found: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return (expected, found) of every key of `expected` whose value in `found` is another."""
    return {
        key: (value, found.get(key, "absent"))
        for key, value in expected.items()
        if found.get(key) != value
    }


def format_worker_differences(driver: Mapping[str, str], worker: Mapping[str, str]) -> str:
    """Format both versions of everything that differs; empty if nothing does."""
    return ", ".join(
        f"{key} {found}, where the driver has {expected}"
        for key, (expected, found) in differing(driver, worker).items()
    )


class OtherCodeError(RuntimeError):
    """A worker would train with other code or packages than the driver."""


def check_same(driver: Mapping[str, str], worker: Mapping[str, str]) -> None:
    """Raise OtherCodeError on a worker whose code or packages are not the driver's."""
    differences = format_worker_differences(driver, worker)
    if differences:
        folders = ", ".join(f"{name} from {folder}" for name, folder in SHIPPED_FOLDERS.items())
        raise OtherCodeError(f"the node {socket.gethostname()} has {differences} ({folders})")
