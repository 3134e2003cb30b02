"""What a claim's study is planned to find, in lines; before its first trial."""

from __future__ import annotations

from collections.abc import Iterator

from ganstudy.study.home import Home
from ganstudy.study.spec.design_plan import num_points
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.claimed import Claim


def planned_lines(spec: StudySpec, home: Home) -> Iterator[str]:
    """Yield a line per criterion of the study's claim: how often its planned effect is found."""
    from ganstudy.analysis.report.sections.claim import planned_words, subject
    from ganstudy.analysis.tables.effects.claim_power import Sizes, power_of
    from ganstudy.study.outlook.promise import promise

    stated = spec.model_dump(mode="json")
    claim = Claim.of_spec(stated)
    if claim is None:
        return
    outlook = promise(spec, home)
    for criterion in claim.decided_by:
        together = claim.comparisons(criterion, spec.measure, outlook)
        sizes = Sizes(num_points(spec), len(spec.train.seeds), together)
        plan = power_of(criterion, stated, outlook, sizes)
        words = NOTHING if plan is None else planned_words(criterion, plan)
        yield f"{subject(criterion)}: {words}"


NOTHING = "no effect is planned for, or nothing is known of its spread"
