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
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ganstudy
import ganstudy.study
import ganstudy.trials
from ganstudy.trials import plugins


def _package_folders() -> dict[str, Path]:
    return {name: Path(str(module.__file__)).parent for name, module in _PACKAGES.items()}


_PACKAGES = {"study": ganstudy.study, "trials": ganstudy.trials}
"""What workers import; analysis stays with the driver."""


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix == ".py")


@functools.cache
def source_digest() -> str:
    """Hex digest of the packages' source as imported in this process."""
    digest = hashlib.blake2b(digest_size=8)
    for name, folder in _package_folders().items():
        for path in _sources(folder):
            digest.update(f"{name}/{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def stage(target: Path, plugin_digests: Iterable[str] = ()) -> Path:
    """Copy the packages into `target`, for Ray's working_dir, and the user's own files of those
    digests.
    """
    package = target / "ganstudy"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(ganstudy.__file__), package / "__init__.py")
    for name, folder in _package_folders().items():
        for path in _sources(folder):
            copy = package / name / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for digest in plugin_digests:
        file = plugins.source(digest)
        copy = package / "plugins" / digest / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return target


class OtherCodeError(RuntimeError):
    """A worker would train with other code or packages than the driver."""


def differing(drivers: dict[str, str], workers: dict[str, str]) -> str:
    """Both versions of all that differs, in words; empty where nothing does."""
    keys = [key for key, value in drivers.items() if workers.get(key) != value]
    return ", ".join(
        f"{key} {workers.get(key, 'absent')}, where the driver has {drivers[key]}" for key in keys
    )


def check_same(drivers: dict[str, str], workers: dict[str, str]) -> None:
    """OtherCodeError on a worker that has other code or packages than the driver, named with both
    versions.
    """
    unlike = differing(drivers, workers)
    if unlike:
        places = ", ".join(f"{name} from {folder}" for name, folder in _package_folders().items())
        raise OtherCodeError(f"the node {socket.gethostname()} has {unlike} ({places})")


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


def origin_of_code() -> dict[str, str]:
    """What can be told without loading anything."""
    found = {"ganstudy source": source_digest(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
