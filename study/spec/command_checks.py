"""Rules of a study whose trials are trained by a command: found before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ganstudy.study.errors import UserError
from ganstudy.study.spec.own_files import OwnFiles
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.base import alternatives, short_repr
from ganstudy.trials.config.command import (
    LOSSES,
    METHOD,
    UNITS,
    budget_values,
    check_unchanged,
    code_digest,
    interval_values,
    known_placeholders,
    placeholders,
    program_of,
    script_of,
    snapshot_patterns,
)
from ganstudy.trials.config.plugins import ChangedError
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.own_metrics import NAME, NAMES_IN_WORDS

LISTS = ("command", "resume", "dry_run")
"""Keys of [train] that hold arguments."""


def resolve_command(train: JsonObject, folder: Path, files: OwnFiles) -> None:
    """Add to a [train] with a command its method, the study file's folder and its script's digest.

    files: of the study; a script in the folder of [code] has the digest of all of it. Raise UserError
    where the script or the program is missing. What is no list of text is left to the rules of single
    values.
    """
    for key, what in (("home", "the study file's folder"), ("code", "[code] folder")):
        if key in train:
            raise UserError(f"train.{key}: unknown key {key!r}; it is {what}")
    command = train.get("command")
    if command is None:
        return
    if not isinstance(command, list) or not all(isinstance(each, str) for each in command):
        return
    if not command or not command[0]:
        raise UserError('train.command: must name a program, such as ["python", "train.py"]')
    if train.get("method", METHOD) != METHOD:
        raise UserError(
            f"train.method: got {short_repr(train['method'])} beside train.command; a study is "
            "trained by one of them"
        )
    home = folder.absolute()
    if program_of(tuple(command), home) is None:
        raise UserError(
            f"train.command: {short_repr(command[0])} is no program here: neither on PATH nor a file "
            f"that may be executed in {home}; {{python}} is the interpreter of ganstudy"
        )
    script = script_of(tuple(command))
    if script is not None and not (home / script).is_file():
        raise UserError(f"train.command: there is no script {short_repr(script)} in {home}")
    try:
        found = files.in_code(home / script) if script is not None else files.whole(command)
        digest = code_digest(tuple(command), home) if found is None else found
    except ValueError as error:
        raise UserError(f"train.command: {error}") from None
    train.update(method=METHOD, home=str(home), digest=digest)
    if found is not None:
        train["code"] = str(files.folder)


def check_script_unchanged(spec: StudySpec) -> None:
    """Raise UserError where a script that is run where it lies is not that of the study any more."""
    train, home = spec.train, Path(spec.train.home)
    if not spec.has_command or not home.is_dir():
        return
    try:
        check_unchanged(train.command, home, train.code, train.digest)
    except ChangedError as error:
        raise UserError(f"train.command: {error}") from None


def command_problems(spec: StudySpec) -> list[str]:
    """Return what is wrong with a command, its placeholders and what is watched."""
    return [*_budget_problems(spec), *_argument_problems(spec), *_watch_problems(spec)]


def command_notes(spec: StudySpec) -> list[str]:
    """Return what a reader should know of a command, one sentence each."""
    if not spec.has_command:
        return []
    train = spec.train
    used = {*placeholders([*train.command, *train.resume])}
    notes = []
    if "seed" not in used:
        notes.append(
            "no argument of the command has {seed}: its seeds are repetitions, and cannot be drawn again"
        )
    if not used & {"data", "data_folder"}:
        notes.append(
            "no argument of the command has {data} or {data_folder}: it is for the script to train on "
            "nothing that the study holds out, or its scores flatter"
        )
    if not used & {*budget_values(train.budget.unit, 1)}:
        notes.append(
            "no argument of the command has the budget: the script is ended once the last evaluation is "
            "made"
        )
    if not train.resume:
        notes.append(
            "no [train] resume: after an interruption the script begins anew, and evaluations that were "
            "made stay"
        )
    notes += [
        f"own/{name} is the script's own ({train.watch.metrics['file']}, {key}): recorded, and compared "
        "with no score of ganstudy"
        for name, key in train.watch.metrics.items()
        if name not in ("file", *UNITS)
    ]
    return notes


def _budget_problems(spec: StudySpec) -> list[str]:
    unit = spec.train.budget.unit
    known = sorted({of for of, _ in UNITS.values()})
    if unit in known:
        return []
    why = (
        "a script's clock goes on while another seed has its turn"
        if unit == "seconds"
        else "a script does not say them"
    )
    return [
        f"train.budget: {unit} cannot be the budget of a command, as {why}; take {' or '.join(known)}"
    ]


def _argument_problems(spec: StudySpec) -> list[str]:
    train, problems = spec.train, []
    if len(train.command) == 0:
        return ['train.method: "command" needs command = [...]']
    if getattr(spec.data, "mirror", False):
        problems.append(
            "data.mirror: a command makes its own batches, so true has no effect; leave it out, and tell "
            "the script to mirror"
        )
    known = known_placeholders(train.params, train.budget.unit)
    reserved = {*known_placeholders((), train.budget.unit), *UNITS, *FROM_ALL_UNITS, "latest"}
    problems += [
        f"train.params.{name}: is the name of a placeholder of ganstudy's own; give it another"
        for name in train.params
        if name in reserved
    ]
    for key in LISTS:
        for name in placeholders(getattr(train, key)):
            if name not in known:
                problems.append(
                    f"train.{key}: {{{name}}} is no parameter of [train.params] and no placeholder"
                    f"{alternatives(name, known)}; {{{{{name}}}}} stands for itself"
                )
        if key != "resume" and snapshot_patterns(getattr(train, key)):
            problems.append(f"train.{key}: {{latest:...}} belongs into [train] resume")
    used = {*placeholders([*train.command, *train.resume])}
    problems += [
        f"train.params.{name}: is given to no argument of the command; write {{{name}}} where it belongs"
        for name in train.params
        if name not in used
    ]
    if train.resume and not snapshot_patterns(train.resume):
        problems.append(
            'train.resume: must have {latest:PATTERN}, such as "--resume={latest:network-snapshot-*.pkl}"'
        )
    for pattern in snapshot_patterns(train.resume):
        problem = _pattern_problem(pattern, train.budget.unit, train.watch.counts_anew)
        problems += [f"train.resume: {{latest:{pattern}}}: {problem}"] if problem else []
    return problems


FROM_ALL_UNITS = tuple(
    name
    for unit in {of for of, _ in UNITS.values()}
    for name in (*budget_values(unit, 1), *interval_values(unit, 1))
)


def _watch_problems(spec: StudySpec) -> list[str]:
    watch, unit, problems = spec.train.watch, spec.train.budget.unit, []
    if watch.samples and (problem := _pattern_problem(watch.samples, unit, True)):
        problems.append(f"train.watch.samples: {short_repr(watch.samples)} {problem}")
    if watch.counts_anew and not spec.train.resume:
        problems.append("train.watch.counts_anew: is about resuming, and [train] has no resume")
    tables: tuple[tuple[str, Mapping[str, str], bool], ...] = (
        ("progress", watch.progress, False),
        ("metrics", watch.metrics, True),
    )
    for name, table, is_metrics in tables:
        if table:
            problems += [f"train.watch.{name}{p}" for p in _lines_problems(table, unit, is_metrics)]
    return problems


def _lines_problems(table: Mapping[str, str], unit: str, is_metrics: bool) -> list[str]:
    problems = []
    if not table.get("file"):
        return [': needs file = "...", a pattern of JSON lines or CSV below the script\'s folder']
    if problem := _path_problem(table["file"]):
        problems.append(f".file: {short_repr(table['file'])} {problem}")
    units = [name for name in table if name in UNITS]
    if not any(UNITS[name][0] == unit for name in units):
        fitting = " or ".join(n for n, (of, _) in UNITS.items() if of == unit)
        problems.append(f": needs {fitting} = KEY, which says where in the training a line is")
    if is_metrics and len(units) == len(table) - 1:
        problems.append(': needs a metric of the script\'s own, NAME = "KEY"')
    for name, key in table.items():
        if not key:
            problems.append(f".{name}: must be a key of a line, such as results.fid50k_full")
        elif is_metrics and not NAME.fullmatch(name):
            problems.append(f".{name}: names the metric own/NAME, and must have {NAMES_IN_WORDS}")
        elif not is_metrics and name not in ("file", *UNITS, *LOSSES):
            problems.append(f".{name}: unknown{alternatives(name, ('file', *UNITS, *LOSSES))}")
    return problems


def _path_problem(pattern: str) -> str | None:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        return "must lie below the script's folder: no leading / and no .."
    return None


def _pattern_problem(pattern: str, unit: str, numbered: bool) -> str | None:
    """Return what is wrong with a pattern of numbered files."""
    fitting = [f"{{{name}}}" for name, (of, _) in UNITS.items() if of == unit]
    names = placeholders([pattern])
    if problem := _path_problem(pattern):
        return problem
    if unknown := [name for name in names if name not in UNITS]:
        return f"has {{{unknown[0]}}}, where a number in one of {', '.join(fitting)} may stand"
    if len(names) > 1 or any(UNITS[name][0] != unit for name in names):
        return f"must count as the budget does, once: {' or '.join(fitting)}"
    if numbered and not names:
        return (
            f"must have {' or '.join(fitting)} where the number stands that says when it was made, such "
            f'as "fakes-{fitting[-1]}.npy"'
        )
    return None
