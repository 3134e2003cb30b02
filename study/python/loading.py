"""Load a study by its name, wherever it stands: running, stopped, complete or imported."""

from __future__ import annotations

import os

from ganstudy.study.cli.report import load as load_frames
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.python.loaded_study import LoadedStudy
from ganstudy.study.python.one_message import one_message

Folder = str | os.PathLike[str] | None
"""Of all studies; None stands for GANSTUDY_HOME, else ./ganstudy-data."""


def home_of(folder: Folder) -> Home:
    """Return the home folder that a caller named."""
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise UserError(f"home: a folder is a path, got {type(folder).__name__}")
    return Home.locate(None if folder is None else os.fspath(folder))


@one_message
def load(name: str, home: Folder = None) -> LoadedStudy:
    """Return the study of that name, as far as it has been published.

    Raises UserError, with the known names, where there is none.
    """
    if not isinstance(name, str):
        raise UserError(f"name: a study is loaded by its name, got {type(name).__name__}")
    found = home_of(home)
    folder = found.existing(name)
    return LoadedStudy(load_frames(folder, found), folder)


@one_message
def studies(home: Folder = None) -> list[str]:
    """Return the names of all studies under the home folder."""
    return home_of(home).names()
