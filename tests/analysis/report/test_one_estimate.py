"""No two sentences of a report contradict each other, on a dozen studies of unlike shapes.

All conclusions are read as a reader reads them, and held against the one table of contrasts.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.formatting import label, number, signed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import confirm, k_ratio, remedies
from ganstudy.analysis.report.sections import sample_size as section
from ganstudy.analysis.tables import sample_size
from ganstudy.analysis.tables.contrasts import Contrast
from ganstudy.trials.results.facts import Origin
from ganstudy.trials.results.records import FIRST_CONFIRM

RNG = 20260711


def noisy(rng: np.random.Generator, centres: np.ndarray, seeds: int = 3, within: float = 0.2):
    """[C, S, 3]: curves that fall towards exp(centres)."""
    final = np.exp(centres[:, None] + within * rng.normal(size=(len(centres), seeds)))
    return final[:, :, None] * np.array([4.0, 2.0, 1.0])


def grid(build, rng, effect=0.0, seeds=3, sampler="grid", within=0.2, **options) -> Study:
    """k, a learning rate that moves the score by a factor of 20, and remedies, crossed."""
    points = itertools.product([1.0, 2.0, 5.0], np.logspace(-4, -2, 6), ["none", "a_b", "c"])
    k, lr_d, named = (np.array(column) for column in zip(*points, strict=True))
    centres = 1.5 * np.abs(np.log10(lr_d) + 3) + effect * (named == "a_b") + 0.1 * (k == 5)
    scores = noisy(rng, 3 + centres, seeds, within)
    return build(scores, k=k, lr_d=lr_d, remedies=named, sampler=sampler, **options)


def adaptive(build, rng) -> Study:
    """k = 5 drawn at good learning rates, as TPE draws, and k = 2 better at equal ones."""
    k = np.repeat([1.0, 2.0, 5.0], 16)
    lr_d = np.concatenate([np.logspace(-4, -2, 32), np.logspace(-3.15, -2.9, 16)])
    lr_d[:32] = np.tile(np.logspace(-3.4, -2.4, 16), 2)
    centres = 4 + 2 * np.abs(np.log10(lr_d) + 3) - 0.3 * (k == 2)
    return build(noisy(rng, centres, 3, 0.1), k=k, lr_d=lr_d, sampler="tpe")


def pruned(build, rng) -> Study:
    """Half of the trials stopped at the first of three evaluations."""
    n = 48
    settings = {"k": rng.choice([1.0, 2.0], n), "remedies": rng.choice(["none", "a_b"], n)}
    centres = 3 - 0.5 * (settings["remedies"] == "a_b") + 0.3 * rng.normal(size=n)
    reached = np.where(np.arange(n) % 2, 1, 3)
    return build(noisy(rng, centres), reached=reached, sampler="tpe", **settings)


def diverging(build, rng) -> Study:
    """A third of the seeds diverge at the end."""
    study = grid(build, rng, -0.5)
    gone = (rng.random(len(study.evaluations)) < 1 / 3) & (study.evaluations["evaluation"] == 3)
    rows = study.evaluations.assign(fid=study.evaluations["fid"].where(~gone))
    rows = rows.assign(finite=~gone, verdict=rows["verdict"].where(~gone, "diverged"))
    return dataclasses.replace(study, evaluations=rows)


def failing(build, rng) -> Study:
    """A remedy that spares its seeds from collapse, and no score moves."""
    study = grid(build, rng)
    spared = study.trials.set_index("number")["remedies"].eq("a_b")
    lost = ~study.evaluations["number"].map(spared) & (study.evaluations["seed"] < 2)
    verdict = study.evaluations["verdict"].where(~lost, "collapsed")
    return dataclasses.replace(study, evaluations=study.evaluations.assign(verdict=verdict))


def tried_once(build, rng) -> Study:
    """Each remedy at one configuration, on six seeds."""
    named = np.array(["none", "a_b", "c", "d"])
    centres = 3 + np.array([0.0, -0.9, 0.05, 0.0])
    return build(noisy(rng, centres, 6, 0.1), remedies=named, sampler="grid")


def few(build, rng) -> Study:
    """Four trials: nothing has an interval."""
    named = np.array(["none", "a_b"] * 2)
    return build(noisy(rng, np.zeros(4)), k=np.repeat([1.0, 2.0], 2), remedies=named)


def ranged(build, rng) -> Study:
    """k drawn from a range: thirds are compared."""
    k = np.sort(rng.uniform(1, 5, 36))
    return build(noisy(rng, 3 - 0.4 * k, 4), k=k)


def maximised(build, rng) -> Study:
    study = grid(build, rng, objective={"maximize": "recall"}, sampler="random")
    rows = study.evaluations
    better = rows["number"].map(study.trials.set_index("number")["remedies"].eq("a_b"))
    recall = 0.5 + 0.1 * better + 0.02 * rng.normal(size=len(rows))
    last = rows.assign(recall=recall)
    final = last[last["evaluation"] == 3].groupby("number")["recall"].median()
    trials = study.trials.assign(
        recall=study.trials["number"].map(final), objective=study.trials["number"].map(final)
    )
    return dataclasses.replace(study, evaluations=last, trials=trials)


def imported(build, rng) -> Study:
    """From a file that names no sampler, on one seed, with verdicts that nobody knows."""
    study = grid(build, rng, -0.6, seeds=1, sampler="others")
    source = {"file": "history.csv", "digest": "d1"}
    rows = study.evaluations.assign(verdict="unknown")
    trials = study.trials.assign(unknown=1, unsettled=0)
    return dataclasses.replace(
        study, evaluations=rows, trials=trials, origin=Origin(imported=source)
    )


def confirmed(build, rng, factors=(0.5, 1.0)) -> Study:
    """The best, and the best plain configuration, on six fresh seeds."""
    study = grid(build, rng, -0.5, sampler="tpe")
    order = selection.ranked(study)
    plain = order[order["remedies"] == "none"].iloc[0]["number"]
    best = order[order["number"] != plain].iloc[0]["number"]
    trials, rows = [study.trials.assign(stage="search", role="", confirms=pd.NA)], []
    chosen = zip((best, plain), ("best", "baseline"), factors, strict=True)
    for i, (number_, role, factor) in enumerate(chosen):
        trial = study.trials[study.trials["number"] == number_].iloc[[0]]
        last = study.seeds[study.seeds["number"] == number_].iloc[[0] * 6]
        fids = 20 * factor * np.exp(0.15 * rng.normal(size=6))
        new = FIRST_CONFIRM + i
        rows.append(last.assign(number=new, seed=range(100, 106), fid=fids))
        trials.append(
            trial.assign(
                number=new, stage="confirm", role=role, confirms=number_, num_seeds=6,
                objective=np.median(fids),
            )
        )  # fmt: skip
    both = pd.concat(trials, ignore_index=True).astype({"confirms": "Int64"})
    return dataclasses.replace(
        study,
        trials=both,
        evaluations=pd.concat([study.evaluations, *rows], ignore_index=True),
        spec=study.spec | {"confirm": {"top": 1}},
    )


SHAPES: dict[str, Callable[..., Study]] = {
    "grid, one remedy helps": lambda build, rng: grid(build, rng, -0.4, seeds=6, within=0.3),
    "grid, nothing helps": grid,
    "random draws": lambda build, rng: grid(build, rng, -0.4, sampler="random"),
    "adaptive draws": adaptive,
    "pruned": pruned,
    "diverging": diverging,
    "failing": failing,
    "each remedy once": tried_once,
    "few": few,
    "k from a range": ranged,
    "maximised": maximised,
    "imported": imported,
    "one seed": lambda build, rng: grid(build, rng, -0.6, seeds=1),
    "confirmed": confirmed,
    "confirmed, and no better": lambda build, rng: confirmed(build, rng, (1.0, 1.0)),
}


# Reading


TELLING = (confirm, k_ratio, remedies, section)
"""Sections whose conclusions compare two values."""
VALUE = r"(?:[+−]?\d[\d.]*(?:e[+-]?\d+)?|diverged)"
EFFECT = rf"(?:× )?{VALUE}(?: \[{VALUE}, {VALUE}\])?"
Told = tuple[frozenset[str], str]
"""Which two values, and an effect as it is written."""


def of_k(first: str, second: str) -> frozenset[str]:
    return frozenset({f"k = {first}", f"k = {second}"})


def without(name: str) -> frozenset[str]:
    return frozenset({name.removeprefix("Remedies"), "no remedy"})


class Reading:
    """What the conclusions of a report say of two values: who is better, by how much, or nothing."""

    def __init__(self, found: list[Conclusion]) -> None:
        self.better: set[tuple[str, str]] = set()
        self.open: set[frozenset[str]] = set()
        self.effects: set[Told] = set()
        self.amounts: set[str] = set()
        for sentence in (str(one).removeprefix("[exploratory] ") for one in found):
            self._read_k(sentence)
            self._read_remedies(sentence)
            self._read_plans(sentence)
            self.amounts |= set(re.findall(r"(?:: |Remedies )at (\d+) generator steps", sentence))

    def _read_k(self, sentence: str) -> None:
        claim = sentence.partition(":")[0]
        if match := re.fullmatch(
            r"k = (.+?) is better than k = (.+?)(?:, and inc.* k = (.+))?", claim
        ):
            leader, beaten, rest = match.groups()
            self.better |= {(f"k = {leader}", f"k = {value}") for value in beaten.split(" and ")}
            self.open |= {of_k(leader, v) for v in (rest or "").split(" and ") if v}
        value = r"([\w.]+(?: to [\w.]+)?)"
        pattern = rf"k = {value} against {value}: \w+ ({EFFECT})"
        for one, other, effect in re.findall(pattern, sentence):
            self.effects.add((of_k(one, other), effect))

    def _read_remedies(self, sentence: str) -> None:
        if not sentence.startswith("Remedies"):
            return
        told = rf"([\w +]+) is (better|worse) than no remedy: \w+ ({EFFECT})"
        for name, decision, effect in re.findall(told, sentence):
            pair = (name.strip(), "no remedy")
            self.better.add(pair if decision == "better" else pair[::-1])
            self.effects.add((without(name.strip()), effect))
        _, _, rest = sentence.partition("inconclusive against no remedy: ")
        for name, effect in re.findall(rf"([\w +]+) \(({EFFECT}), \d+ pairs?\)", rest):
            self.open.add(without(name.strip()))
            self.effects.add((without(name.strip()), effect))
        for decision in ("better", "worse"):
            _, _, rest = sentence.partition(f"{decision} than without: ")
            for name, effect in re.findall(
                rf"([\w +]+) \(\w+ ({EFFECT})\)", re.split(r"\.\s|;", rest)[0]
            ):
                pair = (name.strip(), "no remedy")
                self.better.add(pair if decision == "better" else pair[::-1])
                self.effects.add((without(name.strip()), effect))

    def _read_plans(self, sentence: str) -> None:
        asked = (
            r"(?:The nearest to a conclusion: )?(.+?) against (.+?)(?: \(.*?\)| on fresh seeds)? "
            r"(?:needs|is inconclusive)"
        )
        if not (match := re.match(asked, sentence)):
            return
        first, second = match[1], match[2]
        pair = of_k(first[4:], second) if first.startswith("k = ") else frozenset({first, second})
        self.open.add(pair)
        if effect := re.search(rf"Observed: ({EFFECT})", sentence):
            self.effects.add((pair, effect[1]))


def names(row: Contrast) -> frozenset[str]:
    first, second = label(row.first), label(row.second)
    if row.question == "k":
        return of_k(first, second)
    if row.question.startswith("remedies"):
        return frozenset({first, "no remedy"})
    if row.question.startswith("best"):
        return frozenset({f"trial {first}", f"trial {second}"})
    return frozenset({first, second})


def written(row: Contrast) -> str:
    is_ratio, effect = row.scale == "ratio", row.effect
    as_text = number if is_ratio else signed
    ends = f" [{as_text(effect.low)}, {as_text(effect.high)}]" if effect.has_interval else ""
    return f"{'× ' if is_ratio else ''}{as_text(effect.value)}{ends}"


def own_rows(results: Results) -> list[Contrast]:
    own = selection.own_axis(results.study)
    return [row for row in results.contrasts.rows if row.axis in ("", own)]


def told(row: Contrast) -> tuple[str, str]:
    first, second = (label(value) for value in (row.first, row.second))
    pair = (f"k = {first}", f"k = {second}") if row.question == "k" else (first, "no remedy")
    return pair if row.decision == "better" else pair[::-1]


def conclusions_of(results: Results) -> Iterator[Conclusion]:
    for module in TELLING:
        yield from module.conclusions(results)


def check(results: Results) -> Reading:
    """Hold every sentence about two values against the table of contrasts."""
    reading, rows = Reading(list(conclusions_of(results))), own_rows(results)
    in_table = {(names(row), written(row)) for row in rows}
    assert reading.effects <= in_table, "a number that is not in the table"
    by_pair: dict[frozenset[str], set[str]] = {}
    for pair, effect in reading.effects:
        by_pair.setdefault(pair, set()).add(effect)
    assert all(len(effects) == 1 for effects in by_pair.values()), "one question, two numbers"
    found = {told(row) for row in rows if not row.is_open and row.question in TOLD}
    assert reading.better <= found, "told, and not found"
    assert not {frozenset(pair) for pair in reading.better} & reading.open, "told, and called open"
    assert not {frozenset(pair) for pair in found} & reading.open, "found, and called open"
    # Of what is found nothing is kept back.
    missing = {frozenset(pair) for pair in found} - set(by_pair)
    assert not missing, f"found, and not told: {missing}"
    (amount,) = {row.amount for row in rows if row.axis} or {None}
    assert reading.amounts <= {f"{amount:g}"} if amount else not reading.amounts
    answer = k_ratio.own_answer(results)
    if answer is not None and answer.leader is not None:
        assert f"k = {label(answer.leader)}" not in {worse for _, worse in found}, "beaten leader"
    return reading


TOLD = ("k", "remedies", "remedies at single configurations")


@pytest.fixture(scope="module")
def results_of(study_over_time: Any) -> Callable[[str], Results]:
    """The results of a shape, computed once."""
    made: dict[str, Results] = {}

    def build(shape: str) -> Results:
        if shape not in made:
            made[shape] = Results(SHAPES[shape](study_over_time, np.random.default_rng(RNG)))
        return made[shape]

    return build


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_sentences_contradict_each_other(
    shape: str, results_of: Callable[[str], Results]
) -> None:
    reading = check(results_of(shape))
    assert reading.effects or shape in ("few",), "nothing was read: the sentences have changed"


@pytest.mark.parametrize("shape", SHAPES)
def test_every_interval_of_a_comparison_is_one_of_the_table(
    shape: str, results_of: Callable[[str], Results]
) -> None:
    """Whatever the words around it are, so that a new sentence is read as well."""
    results = results_of(shape)
    allowed = {written(row) for row in own_rows(results)}
    for module in (k_ratio, remedies, section):
        for sentence in map(str, module.conclusions(results)):
            for effect in re.findall(rf"× {VALUE}(?: \[{VALUE}, {VALUE}\])?", sentence):
                assert effect in allowed, sentence


def test_the_shapes_tell_and_leave_open_what_they_were_made_for(
    results_of: Callable[[str], Results],
) -> None:
    """Else the reading above would compare nothing with nothing."""
    readings = {
        shape: check(results_of(shape))
        for shape in ("grid, one remedy helps", "adaptive draws", "each remedy once", "few")
    }
    assert ("a b", "no remedy") in readings["grid, one remedy helps"].better
    assert frozenset({"c", "no remedy"}) in readings["grid, one remedy helps"].open
    assert any(better == "k = 2" for better, _ in readings["adaptive draws"].better)
    assert ("a b", "no remedy") in readings["each remedy once"].better
    assert not readings["few"].better


def test_the_leader_is_not_the_best_unmatched_median(
    results_of: Callable[[str], Results],
) -> None:
    results = results_of("adaptive draws")
    medians = results.study.trials.groupby("k")["objective"].median()
    answer = k_ratio.own_answer(results)
    assert medians.idxmin() == 5.0 and answer is not None and answer.leader == 2.0


def test_a_plan_from_unmatched_medians_is_seen(
    results_of: Callable[[str], Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the report did before: the planning section had an estimate of its own."""
    study = results_of("grid, one remedy helps").study
    planned = sample_size.needed

    def unmatched(contrast: Contrast) -> sample_size.NeededSampleSize:
        scores = study.trials.groupby(contrast.question)["objective"].median()
        ratio = float(scores[contrast.first] / scores[contrast.second])
        wide = dataclasses.replace(contrast.effect, value=ratio, low=ratio / 2, high=2 * ratio)
        return planned(dataclasses.replace(contrast, effect=wide, decision="inconclusive"))

    def needed(contrast: Contrast) -> sample_size.NeededSampleSize:
        return unmatched(contrast) if contrast.question in TOLD else planned(contrast)

    monkeypatch.setattr(sample_size, "needed", needed)
    with pytest.raises(AssertionError, match=r"not in the table"):
        check(Results(study))
