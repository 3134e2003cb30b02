"""Studies of GANs: which k, learning rates and remedy make this train, and how sure are we?

    import ganstudy

    study = ganstudy.run("study.toml")  # or a dict of its tables
    study = ganstudy.load("digits")

docs/python.md is the page. The parts are `ganstudy.study` (many trials), `ganstudy.trials` (one
trial) and `ganstudy.analysis` (frames and report); their sources are the folders of those names in
the repository.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "LoadedStudy": "ganstudy.study.python.loaded_study",
    "Study": "ganstudy.analysis.frames.study",
    "UserError": "ganstudy.study.errors",
    "load": "ganstudy.study.python.loading",
    "load_study": "ganstudy.analysis.frames.load",
    "read_study": "ganstudy.study.spec.reader",
    "run": "ganstudy.study.python.running",
    "studies": "ganstudy.study.python.loading",
}
__all__ = [
    "LoadedStudy",
    "Study",
    "UserError",
    "load",
    "load_study",
    "read_study",
    "run",
    "studies",
]


def __getattr__(name: str) -> Any:
    # Lazily: reading a study's frames needs neither Ray nor torch, and `ganstudy check` needs no pandas.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
