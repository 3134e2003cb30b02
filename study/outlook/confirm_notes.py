"""Notes on a confirm stage before it costs anything: whether its seeds can find any effect."""

from __future__ import annotations

from ganstudy.study.ledger.confirm_selection import max_twins
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.paired_seeds import SIGNIFICANCE, fewest_seeds, smallest_p


def confirm_notes(spec: StudySpec) -> list[str]:
    """Return a note where no difference on the fresh seeds can be found, however large it is."""
    comparisons = max_comparisons(spec)
    if spec.confirm is None or not comparisons:
        return []
    seeds = len(spec.confirm.seeds)
    needed = fewest_seeds(comparisons)
    if seeds >= needed:
        return []
    what = "what remedies do"
    if not max_twins(spec):
        what = "the search's first choice from its second"
    least = min(1.0, comparisons * smallest_p(seeds))
    corrected = f", corrected for {comparisons} comparisons" if comparisons > 1 else ""
    return [
        f"confirm: {seeds} fresh {'seed' if seeds == 1 else 'seeds'} cannot tell {what}, however "
        f"large the difference is: p is at least {least:.2g}{corrected}, and must be below "
        f"{SIGNIFICANCE}; {needed} seeds or more can ([confirm] seeds)"
    ]


def max_comparisons(spec: StudySpec) -> int:
    """Return the largest number of comparisons that are made on fresh seeds.

    They are with twins, or of the first choice with the second where there are no twins.
    """
    if spec.confirm is None:
        return 0
    trials = planned_trials(spec) + spec.search.trials
    return max_twins(spec) or int(min(spec.confirm.top, trials) > 1)
