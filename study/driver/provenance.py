"""What the numbers of a study come from beside its file: code, packages, data, extractor.

Recorded when a study begins. If any of it has changed, going on would put unlike numbers beside
each other: refused, unless the user accepts the changes, which are then recorded.
"""

from __future__ import annotations

from ganstudy.study.cluster.code_version import differing
from ganstudy.study.errors import UserError
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.trials.results.records import Provenance

FLAG = "--accept-changes"


def measures_provenance(provenance: Provenance) -> dict[str, str]:
    """Return the digests of the data and the extractor."""
    return {
        "data": provenance.data_digest,
        "extractor": f"{provenance.extractor} {provenance.extractor_digest}",
    }


def check_provenance(ledger: Ledger, now: dict[str, str]) -> None:
    """Raise UserError with everything in which `now` differs from what the study began with."""
    changes = _changes(ledger, now)
    if changes:
        lines = "\n  ".join(changes)
        raise UserError(
            f"the study {ledger.spec.name!r} began with other code or data:\n  {lines}\n"
            f"Its numbers and new ones may not be comparable. Give the study another name to begin anew, go back to "
            f"what it began with, or go on all the same with {FLAG}, which is recorded."
        )


def record_provenance(ledger: Ledger, now: dict[str, str], accept: bool) -> None:
    """Record what is new in `now`, and every change if `accept`; else raise UserError for a change."""
    if not accept:
        check_provenance(ledger, now)
    ledger.record_provenance({**ledger.provenance, **now}, _changes(ledger, now))


def _changes(ledger: Ledger, now: dict[str, str]) -> list[str]:
    # What is stated for the first time has not changed.
    began = {key: ledger.provenance[key] for key in now if key in ledger.provenance}
    return [f"{key}: {before} -> {value}" for key, (before, value) in differing(began, now).items()]
