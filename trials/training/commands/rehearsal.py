"""What is seen of a command before a study starts: nothing is trained, and by default nothing is run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ganstudy.trials.config.command import filled, program_of, script_of
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.training.commands.context import (
    CommandError,
    own_arguments,
    placeholder_values,
    shipped_code,
)
from ganstudy.trials.training.commands.process import environment_of, last_lines

DRY_RUN_SECONDS = 60.0


def rehearse_command(config: TrialConfig, dataset: Dataset, device: str) -> bool:
    """Run a command with its dry_run arguments, if it has any; return whether it was run.

    Raise CommandError where the script is not here, or does not end well.
    """
    assert config.function is not None and config.function.command is not None
    command = config.function.command
    home = Path(command.home)
    name = Path(script_of(command.command) or command.command[0]).name
    shipped = shipped_code(command, config.function)
    program = program_of(command.command, home)
    there = home.is_dir() or shipped is not None
    if program is None or not there:
        missing = command.command[0] if there else str(home)
        raise CommandError(f"{missing} is not on this node", name)
    if not command.dry_run:
        return False
    with TemporaryDirectory(prefix="ganstudy-") as place:
        folder = Path(place) / "trial" / "seed"
        folder.mkdir(parents=True)
        others = {
            "samples": config.measures.samples or dataset.num_generated,
            "device": device,
            "attempt": 1,
        }
        values = placeholder_values(config, folder, dataset, config.seeds[0], others)
        own = own_arguments(command, (*command.command, *command.dry_run), shipped)
        line = [str(program), *(filled(own, values, lambda _: None) or [])[1:]]
        output = folder.with_name("output.txt")
        try:
            code = _exit_code(line, folder, output, shipped)
        except subprocess.TimeoutExpired:
            raise CommandError(
                f"with {' '.join(command.dry_run)} it took over {DRY_RUN_SECONDS:g} s; it is to train "
                "nothing",
                name,
            ) from None
        if code:
            given = ", ".join(f"{n}={v!r}" for n, v in config.function.params.items())
            raise CommandError(
                f"with {' '.join(command.dry_run)} and params {given} it ended with exit code {code}; last "
                f"lines: {last_lines(output)}",
                name,
            )
    return True


def _exit_code(line: list[str], folder: Path, output: Path, code: Path | None) -> int:
    """Run a command line in a folder, what it prints into a file; return its exit code.

    code: of the user's, to import from. Raise subprocess.TimeoutExpired after DRY_RUN_SECONDS.
    """
    with output.open("wb") as out:
        return subprocess.run(
            line,
            cwd=folder,
            env=environment_of(code),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=DRY_RUN_SECONDS,
            check=False,
        ).returncode
