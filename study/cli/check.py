"""`ganstudy check`: validate a study file, print its space, cost and first configurations."""

from __future__ import annotations

from pathlib import Path

import click

from ganstudy.study.cli.options import format_params, home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec

CONFIGURATIONS_SHOWN = 3


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
def check(file: Path, home: Home) -> None:
    """Validate a study FILE; print its space, cost and first configurations.

    \b
    Example:  ganstudy check examples/digits.toml
    """
    from ganstudy.study.driver.cost_estimate import cost_lines
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.study.ledger.samplers import preview

    spec, _ = read_study(file)
    Ledger.check_same(home.study(spec.name).ledger, spec)
    click.echo(f"{file} is a valid study.\n")
    click.echo(spec.model_dump_json(indent=2, exclude={"search": {"space"}}))
    click.echo("\nSearch space")
    for key, domain in spec.space.domains.items():
        click.echo(f"  {key:<28} {domain}")
    click.echo("\nCost")
    for line in cost_lines(spec, home):
        click.echo(f"  {line}")
    if spec.has_own_parts:
        click.echo("\nYour data and networks")
        for line in _own_parts(spec):
            click.echo(f"  {line}")
    shown = list(preview(spec, CONFIGURATIONS_SHOWN))
    click.echo(f"\nFirst {len(shown)} configurations")
    for number, params in enumerate(shown):
        click.echo(f"  trial {number}: {format_params(params)}")


def _own_parts(spec: StudySpec) -> list[str]:
    # Loads torch, which a study without parts of the user's own can be checked without.
    from ganstudy.study.tune.evaluator_setup import describe

    try:
        return describe(spec.distinct_architectures())
    except ValueError as error:
        raise UserError(str(error)) from None
    except (RuntimeError, MemoryError) as error:  # networks that are too large for this machine
        raise UserError(f"the networks cannot be made here: {str(error).splitlines()[0]}") from None
