"""The user's own files that a study file names: each by itself, or all those of [code] folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ganstudy.study.errors import UserError
from ganstudy.trials.config import plugins
from ganstudy.trials.config.base import short_repr
from ganstudy.trials.config.code_folder import CodeFolder, read_folder
from ganstudy.trials.results.documents import JsonObject


class OwnFiles:
    """Makes files known to this process, and says by what name and digest references have them."""

    def __init__(self, join: Callable[[str, str], Path], code: CodeFolder | None) -> None:
        """join: from a place in the study file and a path in it to the path on this machine."""
        self._join = join
        self._code = code
        self._used = False

    @property
    def folder(self) -> Path | None:
        """The folder of [code]."""
        return None if self._code is None else self._code.origin

    def register(self, place: str, file: str) -> tuple[str, str]:
        """Return the name that references have of a file, and its digest.

        A file in [code] folder has its path there, and the digest of all files there. Of any other the
        name alone: the digest identifies it, wherever it lies. Raise ValueError where there is none.
        """
        path = self._join(place, file)
        digest = self.in_code(path)
        if digest is None:
            return Path(file).name, plugins.register(path)
        assert self._code is not None
        return str(self._code.relative(path)), digest

    def in_code(self, path: Path) -> str | None:
        """Return the digest of [code] folder for a file in it; None for one that lies elsewhere."""
        name = None if self._code is None else self._code.relative(path)
        if self._code is None or name is None:
            return None
        if name not in self._code.files:
            why = "is left out by [code] exclude" if path.is_file() else "is not there"
            raise ValueError(f"{name} {why} ({self._code.origin})")
        self._used = True
        return self._code.digest

    def whole(self, command: Sequence[str]) -> str | None:
        """Return the digest of [code] folder for a command that starts one of its modules by -m."""
        if self._code is None or "-m" not in command[:-1]:
            return None
        module = command[command.index("-m") + 1]
        if module.partition(".")[0] not in self._code.modules:
            return None
        self._used = True
        return self._code.digest

    def check_used(self) -> None:
        """Raise UserError where nothing of the study lies in [code] folder."""
        if self._code is not None and not self._used:
            raise UserError(
                "code.folder: no file that the study names lies in "
                f"{short_repr(str(self._code.origin))}: leave [code] out, or name the folder of your files"
            )


def resolve_code(values: JsonObject, join: Callable[[str], Path]) -> CodeFolder | None:
    """Read the folder of [code], and add to the table its digest and those of its files.

    join: from a path in the study file to the path on this machine. What has another form is left to the
    rules of single values.
    """
    table = values.get("code")
    if not isinstance(table, dict) or not isinstance(table.get("folder"), str):
        return None
    patterns = {key: table.get(key, []) for key in ("include", "exclude")}
    for each in patterns.values():
        if not isinstance(each, list) or not all(isinstance(text, str) for text in each):
            return None
    try:
        code = read_folder(join(table["folder"]), patterns["include"], patterns["exclude"])
    except ValueError as error:
        raise UserError(f"code.folder: {short_repr(table['folder'])}: {error}") from None
    plugins.register_folder(code)
    table.update(digest=code.digest, files=code.manifest)
    return code
