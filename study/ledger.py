"""The ledger: Optuna's storage as the one truth about which trials exist and what became of them.

    RUNNING    proposed; being trained, or interrupted and still to go on
    COMPLETE   spent its budget; the value is the objective, or infinity where no median exists
    PRUNED     stopped by the scheduler; never ranked as if it had spent its budget
    FAIL       ended by an error, which is kept with it

Collapse is a constraint, not a value: a configuration with more collapsed seeds than allowed is
infeasible, and the sampler is told so. Every trial is drawn by a sampler seeded with the study's seed
and the trial's number, so an interrupted study goes on with the draws that it would have made.
"""

from __future__ import annotations

import json
import math
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from study.errors import UserError
from study.home import IMPORT_FILE
from study.ledger_file import holds_study, storage
from study.reader import parse_document
from study.spec import StudySpec, differences
from trials.records import TrialState as State

optuna.logging.set_verbosity(optuna.logging.ERROR)
OUTCOME, ERROR = "outcome", "error"
ID = "ledger_id"
SPEC, DOCUMENT = "study_file", "study_document"
"""Attributes of the Optuna study: the file as written, and as read (StudySpec.document)."""
ORIGIN, CHANGES = "origin", "changes"
"""Attributes: what the numbers come from beside the file, and what of it was changed on the way (study/origin.py)."""
STATES = {
    TrialState.RUNNING: State.RUNNING,
    TrialState.WAITING: State.RUNNING,
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}


@dataclass(frozen=True)
class Outcome:
    """What a trial came to at its latest evaluation."""

    finished: bool
    """The budget is spent, or no seed is finite any more."""
    objective: float | None
    """Median over seeds; None where it falls on a seed without a value."""
    progress: float
    """On the budget's axis."""
    verdicts: dict[str, int]
    """Seeds per verdict."""
    counters: dict[str, float]

    def feasible(self, allowed: dict[str, int]) -> bool:
        """No verdict has more seeds than allowed, and the objective has a value."""
        return self.objective is not None and all(self.verdicts.get(v, 0) <= limit for v, limit in allowed.items())


def state_at_end(outcome: Outcome | None, error: str | None) -> State:
    """The state in which a trial ends that came to `outcome`, or to an error."""
    if error is not None or outcome is None:
        return State.FAILED
    return State.COMPLETE if outcome.finished else State.PRUNED


class Ledger:
    """One study's trials. A single driver proposes and tells; the publisher adds MLflow's run ids."""

    def __init__(self, study: optuna.Study, spec: StudySpec) -> None:
        self.spec = spec
        self._study = study
        self._storage = study._storage
        self._space = spec.space

    @classmethod
    def create(cls, path: Path, spec: StudySpec, text: str) -> Ledger:
        """The ledger at `path`, made if absent.

        UserError as of `check_same`.
        """
        ledger = cls.check_same(path, spec)
        if ledger is not None:
            ledger.spec, ledger._space = spec, spec.space
            ledger._study.set_user_attr(SPEC, text)
            ledger._study.set_user_attr(DOCUMENT, spec.document)
            return ledger
        path.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            study_name=spec.name,
            storage=storage(path),
            direction=spec.objective.direction,
            load_if_exists=True,  # made, but killed before the study file was kept with it
        )
        study.set_user_attr(ID, uuid.uuid4().hex)
        study.set_user_attr(DOCUMENT, spec.document)
        study.set_user_attr(SPEC, text)  # last: its presence says that the ledger was made to the end
        return cls(study, spec)

    @classmethod
    def check_same(cls, path: Path, spec: StudySpec) -> Ledger | None:
        """The ledger at `path`, if there is one; UserError, with every difference, if its study has another file."""
        if path.with_name(IMPORT_FILE).exists():
            raise UserError(f"the name {spec.name!r} belongs to an imported study; give this one another name")
        if not (path.exists() and holds_study(path, SPEC)):
            return None
        ledger = cls.open(path)
        earlier = ledger.spec
        differing = differences(earlier.identity(), spec.identity())
        if spec.search.trials < earlier.search.trials:
            differing.append(f"search.trials: {earlier.search.trials} -> {spec.search.trials} (it may be raised only)")
        if differing:
            lines = "\n  ".join(differing)
            raise UserError(
                f"the study {spec.name!r} exists already, with a different file:\n  {lines}\n"
                f"Give this one another name, or restore the file ({path.parent / 'study.toml'}) to go on."
            )
        return ledger

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """The existing ledger at `path`; UserError where it holds no study yet."""
        if not holds_study(path, SPEC):
            raise UserError(f"{path} holds no study: its first run was cut short; run its study file again")
        file = storage(path)
        (summary,) = file.get_all_studies()
        study = optuna.load_study(study_name=summary.study_name, storage=file)
        return cls(study, parse_document(study.user_attrs[DOCUMENT], str(path.parent / "study.toml")))

    @property
    def id(self) -> str:
        """Unlike that of any other ledger, also of one of the same name that was deleted before."""
        return str(self._study.user_attrs[ID])

    @property
    def text(self) -> str:
        """The study file as written."""
        return str(self._study.user_attrs[SPEC])

    @property
    def origin(self) -> dict[str, str]:
        """What `keep_origin` was told last."""
        return json.loads(self._study.user_attrs.get(ORIGIN, "{}"))  # type: ignore[no-any-return]

    @property
    def changes(self) -> list[str]:
        """Every change of the origin that the user accepted, with its time, in order."""
        return list(self._study.user_attrs.get(CHANGES, []))

    def keep_origin(self, origin: dict[str, str], changed: list[str]) -> None:
        """Remembers what the study's numbers come from, and what of it has changed since it began."""
        if changed:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            self._study.set_user_attr(CHANGES, [*self.changes, *(f"{now} {line}" for line in changed)])
        self._study.set_user_attr(ORIGIN, json.dumps(origin))

    def propose(self) -> tuple[int, dict[str, Any]]:
        """(number, params) of a new trial."""
        number = len(self._storage.get_all_trials(self._study._study_id, deepcopy=False))
        self._study.sampler = sampler(self.spec, number)
        trial = self._study.ask()
        return trial.number, self._space.suggest(trial)

    def intermediate_values(self, number: int) -> dict[int, float]:
        """What `record_evaluation` kept of a trial."""
        return dict(self._storage.get_trial(self._id(number)).intermediate_values)

    def ended(self) -> Iterator[tuple[int, State, Outcome | None]]:
        """(number, state, outcome) of the trials that are over, in order."""
        for trial in self._trials():
            if STATES[trial.state] is not State.RUNNING:
                yield trial.number, STATES[trial.state], _outcome(trial)

    def record_evaluation(self, number: int, objective: float | None, progress: float) -> None:
        """An intermediate value on the budget's axis; a missing one is not recorded, since NaN has no rank."""
        if objective is not None:
            self._storage.set_trial_intermediate_value(self._id(number), math.ceil(progress), objective)

    def record_end(self, number: int, outcome: Outcome | None, error: str | None) -> State:
        """Tells the sampler how a trial ended, and returns the state of `state_at_end`. Never leaves it running."""
        trial_id = self._id(number)
        if outcome is not None:
            for verdict, allowed in self.spec.objective.require.items():
                excess = float(outcome.verdicts.get(verdict, 0) - allowed)
                self._storage.set_trial_system_attr(trial_id, f"constraints:{verdict}", excess)
            self._storage.set_trial_user_attr(trial_id, OUTCOME, vars(outcome))
        state = state_at_end(outcome, error)
        if isinstance(self._study.sampler, optuna.samplers.GridSampler):
            # It would stop an optimisation loop after its last point, and here is none to stop.
            self._study.sampler = optuna.samplers.RandomSampler()
        if state is State.FAILED:
            self._storage.set_trial_user_attr(trial_id, ERROR, error or "ended without an evaluation")
            self._study.tell(number, state=TrialState.FAIL)
        elif state is State.PRUNED:
            self._study.tell(number, state=TrialState.PRUNED)
        else:
            assert outcome is not None
            worst = -math.inf if self.spec.objective.maximize else math.inf
            self._study.tell(number, worst if outcome.objective is None else outcome.objective)
        return state

    def left(self) -> int:
        """Trials that are not over yet: in training or interrupted, and still to be proposed."""
        return self.remaining() + self.counts()[State.RUNNING.value]

    def interrupted(self) -> list[tuple[int, dict[str, Any]]]:
        """(number, params) of the trials that an earlier run left unfinished, in order."""
        return [(t.number, self._drawn(t)) for t in self._trials() if STATES[t.state] is State.RUNNING]

    def remaining(self) -> int:
        """Trials still to be proposed to reach the number that the study file asks for."""
        return max(0, self.spec.search.trials - len(self._trials()))

    def best(self) -> FrozenTrial | None:
        """The complete trial with the best finite objective among those that satisfy every constraint."""
        candidates = [
            t
            for t in self._trials()
            if t.state == TrialState.COMPLETE and t.value is not None and math.isfinite(t.value) and self._feasible(t)
        ]
        sign = -1 if self.spec.objective.maximize else 1
        return min(candidates, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)

    def counts(self) -> dict[str, int]:
        """Trials per state, every state named."""
        counts = dict.fromkeys((state.value for state in State), 0)
        for trial in self._trials():
            counts[STATES[trial.state].value] += 1
        return counts

    def verdicts(self) -> dict[str, int]:
        """Seeds per verdict over all trials that ended with an evaluation."""
        counts: dict[str, int] = {}
        for trial in self._trials():
            for verdict, seeds in trial.user_attrs.get(OUTCOME, {}).get("verdicts", {}).items():
                counts[verdict] = counts.get(verdict, 0) + seeds
        return counts

    def trials(self) -> list[dict[str, Any]]:
        """One plain-JSON row per trial: number, state, params, objective, verdicts, run id, error."""
        runs = self.run_ids()
        return [
            {
                "number": t.number,
                "state": STATES[t.state].value,
                "params": self._params(t),
                "objective": t.user_attrs.get(OUTCOME, {}).get("objective"),
                "feasible": self._feasible(t),
                "verdicts": t.user_attrs.get(OUTCOME, {}).get("verdicts", {}),
                "run_id": runs.get(t.number),
                "error": t.user_attrs.get(ERROR),
            }
            for t in self._trials()
        ]

    def seconds_per_update(self) -> float | None:
        """Measured training time of one step of either player for the whole pack, over all trials; None before."""
        counters = [t.user_attrs[OUTCOME]["counters"] for t in self._trials() if OUTCOME in t.user_attrs]
        updates = sum(c["updates"] for c in counters)
        return sum(c["seconds"] for c in counters) / updates if updates else None

    # MLflow's run ids live with the study, since Optuna closes a finished trial's attributes while its
    # results may still be on their way.
    def run_ids(self) -> dict[int, str]:
        """MLflow run id per trial number."""
        attributes = self._study.user_attrs
        return {int(k.removeprefix("run/")): v for k, v in attributes.items() if k.startswith("run/")}

    def set_run_id(self, number: int, run_id: str) -> None:
        """Remembers the run of a trial."""
        self._study.set_user_attr(f"run/{number}", run_id)

    @property
    def parent_run_id(self) -> str | None:
        """MLflow run of the study itself."""
        run_id: str | None = self._study.user_attrs.get("parent_run")
        return run_id

    @parent_run_id.setter
    def parent_run_id(self, run_id: str) -> None:
        self._study.set_user_attr("parent_run", run_id)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _params(self, trial: FrozenTrial) -> dict[str, Any]:
        """As `propose` returned them: what Optuna drew, and what the space fixes."""
        return self._space.complete(trial.params)

    def _feasible(self, trial: FrozenTrial) -> bool:
        outcome = _outcome(trial)
        return outcome is not None and outcome.feasible(self.spec.objective.require)

    def _drawn(self, trial: FrozenTrial) -> dict[str, Any]:
        """As `propose` returned them; what it had not drawn yet when it was killed is drawn now."""
        self._study.sampler = sampler(self.spec, trial.number)
        return self._space.suggest(optuna.Trial(self._study, trial._trial_id))

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)


def _outcome(trial: FrozenTrial) -> Outcome | None:
    kept = trial.user_attrs.get(OUTCOME)
    return None if kept is None else Outcome(**kept)


def sampler(spec: StudySpec, number: int) -> optuna.samplers.BaseSampler:
    """The sampler that draws trial `number`."""
    seed = (spec.search.seed * 1_000_003 + number) % 2**32
    if spec.search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if spec.search.sampler == "grid":
        # One seed for all numbers: it orders the grid, and trial n takes its n-th point.
        return optuna.samplers.GridSampler(spec.space.grid(), seed=spec.search.seed)
    with warnings.catch_warnings():
        # `group` is what lets multivariate TPE handle the parameters that only some remedies have.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


def preview(spec: StudySpec, count: int) -> Iterator[dict[str, Any]]:
    """The first configurations that the study would try."""
    study = optuna.create_study(direction=spec.objective.direction)
    for number in range(min(count, spec.search.trials)):
        study.sampler = sampler(spec, number)
        yield spec.space.suggest(study.ask())
