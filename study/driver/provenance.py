"""What the numbers of a study come from beside its file: code, packages, data, extractor.

Written down when a study begins. If any of it has changed, going on would put unlike numbers beside
each other: refused, unless the user says that it may be, which is then recorded.
"""

from __future__ import annotations

from ganstudy.study.errors import UserError
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.trials.results.records import Provenance

FLAG = "--accept-changes"


def origin_of_measures(provenance: Provenance) -> dict[str, str]:
    """What the data and the extractor turned out to be."""
    return {
        "data": provenance.data_digest,
        "extractor": f"{provenance.extractor} {provenance.extractor_digest}",
    }


def check(ledger: Ledger, now: dict[str, str]) -> None:
    """UserError with everything in which `now` differs from what the study began with."""
    changed = _changed(ledger, now)
    if changed:
        lines = "\n  ".join(changed)
        raise UserError(
            f"the study {ledger.spec.name!r} began with other code or data:\n  {lines}\n"
            f"Its numbers and new ones may not belong together. Give the study another name to begin anew, go back to "
            f"what it began with, or go on all the same with {FLAG}, which is recorded."
        )


def settle(ledger: Ledger, now: dict[str, str], accept: bool) -> None:
    """Compares `now` with what the study began with, and keeps what is new.

    Differences are recorded if `accept`, and a UserError otherwise.
    """
    if not accept:
        check(ledger, now)
    ledger.record_provenance({**ledger.provenance, **now}, _changed(ledger, now))


def _changed(ledger: Ledger, now: dict[str, str]) -> list[str]:
    began = ledger.provenance
    return [
        f"{key}: {began[key]} -> {value}"
        for key, value in now.items()
        if key in began and began[key] != value
    ]
