"""No two sentences of a report contradict each other, on a dozen studies of unlike shapes.

All conclusions are read as a reader reads them, and held against the one table of contrasts.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.formatting import label, number, signed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import conclusions, html
from ganstudy.analysis.report.blocks import Results, build_sections, tables_of
from ganstudy.analysis.report.blocks import conclusions_of as conclusions_of_module
from ganstudy.analysis.report.conclusions import answer
from ganstudy.analysis.report.phrases import Conclusion, Rank
from ganstudy.analysis.report.sections import (
    claim,
    confirm,
    game,
    interactions,
    k_ratio,
    learning_rates,
    other_settings,
    remedies,
    sampler,
)
from ganstudy.analysis.report.sections import sample_size as section
from ganstudy.analysis.report.sections.registry import SECTIONS
from ganstudy.analysis.tables.effects import sample_size
from ganstudy.analysis.tables.effects.contrasts import CONFIRMED, Contrast
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


def tried_once(build, rng, objective=None, within=0.1) -> Study:
    """Each remedy at one configuration, on eight seeds: three comparisons take seven."""
    named = np.array(["none", "a_b", "c", "d"])
    centres = 3 + np.array([0.0, -0.9, 0.05, 0.0])
    scores = noisy(rng, centres, 8, within)
    return build(scores, remedies=named, sampler="grid", objective=objective)


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


def confirmed(build, rng, factors=(0.5, 1.0), failing=0, twin=True, seeds=3) -> Study:
    """The best, its twin or another without remedies, on eight fresh seeds, of which some of the best's collapse."""
    study = grid(build, rng, -0.5, sampler="tpe", seeds=seeds)
    order = selection.ranked(study)
    best = order[order["remedies"] != "none"].iloc[0]["number"]
    k, lr_d = (order.set_index("number").loc[best, key] for key in ("k", "lr_d"))
    alike = (order["k"] == k) & (order["lr_d"] == lr_d)
    plain = order[(order["remedies"] == "none") & (alike == twin)].iloc[0]["number"]
    roles = ("best", f"twin of trial {best}" if twin else "baseline")
    trials, rows = [study.trials.assign(stage="search", role="", confirms=pd.NA)], []
    chosen = zip((best, plain), roles, factors, strict=True)
    for i, (number_, role, factor) in enumerate(chosen):
        trial = study.trials[study.trials["number"] == number_].iloc[[0]]
        last = study.seeds[study.seeds["number"] == number_].iloc[[0] * 8]
        fids = 20 * factor * np.exp(0.15 * rng.normal(size=8))
        gone = (np.arange(8) < failing) & (number_ == best)
        fids = np.where(gone, 50 * fids, fids)
        verdicts = np.where(gone, "collapsed", "unsettled")
        new = FIRST_CONFIRM + i
        rows.append(last.assign(number=new, seed=range(100, 108), fid=fids, verdict=verdicts))
        trials.append(
            trial.assign(
                number=new, stage="confirm", role=role, confirms=number_, num_seeds=8,
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


def designed_and_confirmed(build, rng, twin=True, factors=(0.5, 1.0), seeds=3) -> Study:
    """As confirmed, with all trials of the design and none drawn by a search."""
    study = confirmed(build, rng, factors=factors, twin=twin, seeds=seeds)
    own = study.trials["stage"] == "search"
    point = np.unique(study.trials["lr_d"], return_inverse=True)[1]
    trials = study.trials.assign(
        stage=study.trials["stage"].where(~own, "design"),
        point=pd.array(np.where(own, point, -1), dtype="Int64"),
    )
    design = {"points": 6, "factors": ["k", "remedies"], "at": 1}
    return dataclasses.replace(study, trials=trials, spec=study.spec | {"design": design})


MARGIN = {"minimize": "fid", "margin": 0.15}


def with_margin(build, rng, effect=0.0, **options) -> Study:
    """So little noise that the interval of no effect lies within the margin."""
    return grid(build, rng, effect, seeds=6, within=0.08, objective=MARGIN, **options)


def designed(build, rng) -> Study:
    """A planned design, of which few went on after the second evaluation, and a search that drew
    the remedy that helps where all is bad.
    """
    ended = np.where(np.arange(54) % 9 == 4, 3, 2)
    states = np.where(ended == 3, "complete", "pruned").tolist()
    study = grid(build, rng, -0.8, seeds=6, reached=ended, states=states)
    point = pd.array(np.unique(study.trials["lr_d"], return_inverse=True)[1], dtype="Int64")
    trials = study.trials.assign(stage="design", point=point)
    drawn = trials[trials["remedies"] == "a_b"].head(6)
    rows = study.evaluations[study.evaluations["number"].isin(drawn["number"])]
    drawn = drawn.assign(number=drawn["number"] + 100, stage="search", point=pd.NA)
    drawn = drawn.assign(config_digest=[f"drawn{i}" for i in range(6)], state="complete")
    rows = rows.assign(number=rows["number"] + 100, fid=rows["fid"] * 50)
    design = {"points": 6, "factors": ["k", "remedies"], "at": 2 / 3, "promote": 6}
    return dataclasses.replace(
        study,
        trials=pd.concat([trials, drawn], ignore_index=True).astype({"point": "Int64"}),
        evaluations=pd.concat([study.evaluations, rows], ignore_index=True),
        spec=study.spec | {"design": design},
    )


def interacting(build, rng) -> Study:
    """As designed, with a remedy that helps where k is 5 alone."""
    study = designed(build, rng)
    own = study.trials["remedies"].eq("c") & study.trials["k"].eq(5)
    helped = study.evaluations["number"].isin(study.trials.loc[own, "number"])
    fids = study.evaluations["fid"] * np.where(helped, 0.3, 1.0)
    return dataclasses.replace(study, evaluations=study.evaluations.assign(fid=fids))


def own_settings(build, rng, within=0.2, effect=-0.6, **options) -> Study:
    """Parameters of a training function, one from a list and one from a range, and no k."""
    points = list(itertools.product([32.0, 64.0, 128.0], ["none", "a_b"], np.logspace(-1, 1, 6)))
    width, named, gamma = (np.array(column) for column in zip(*points, strict=True))
    gamma = gamma.astype(float) * np.linspace(1, 1.01, 36)  # no two alike
    centres = 3 + effect * (width == 64) + 0.1 * np.abs(np.log10(gamma))
    settings = {"params.width": width, "params.gamma": gamma, "remedies": named}
    scores = noisy(rng, centres, 6, within)
    lost = (width == 128)[:, None, None] & (np.arange(6) < 3)[:, None]
    verdicts = np.where(lost, "collapsed", "unsettled")
    return build(scores, verdicts, **settings, **options)


def designed_for_own_settings(build, rng, within=0.2, effect=-0.6) -> Study:
    """A design that crosses a parameter of a training function, and remedies, at six points."""
    points = list(itertools.product(range(6), [32.0, 64.0, 128.0], ["none", "a_b"]))
    point, width, named = (np.array(column) for column in zip(*points, strict=True))
    centres = 3 + effect * (width == 64) + 0.1 * point
    settings = {
        "params.width": width,
        "params.gamma": np.logspace(-1, 1, 6)[point],
        "remedies": named,
    }
    study = build(noisy(rng, centres, 6, within), **settings)
    trials = study.trials.assign(stage="design", point=pd.array(point, dtype="Int64"))
    space = {
        "params.width": [32, 64, 128],
        "params.gamma": {"low": 0.1, "high": 10.0},
        "remedies": [[], ["a_b"]],
    }
    search = {**study.spec["search"], "space": space}
    spec = study.spec | {"design": {"points": 6, "at": 1}, "search": search}
    return dataclasses.replace(study, trials=trials, spec=spec)


CLAIM = {
    "sentence": "A b helps.",
    "decided_by": [
        {"measure": "fid", "setting": "remedies", "value": ["a_b"], "against": [], "says": "lower"},
        {"measure": "fid", "setting": "k", "value": 5.0, "against": 1.0, "says": "lower"},
        {"share": "failed", "setting": "remedies", "value": ["c"], "against": [], "says": "lower"},
    ],
}


def claiming(build, rng, criteria=slice(None)) -> Study:
    """As designed, made for a claim: of what the design compares, and of failed seeds."""
    study = designed(build, rng)
    stated = {**CLAIM, "decided_by": CLAIM["decided_by"][criteria]}
    return dataclasses.replace(study, spec=study.spec | {"claim": stated})


SHAPES: dict[str, Callable[..., Study]] = {
    "grid, one remedy helps": lambda build, rng: grid(build, rng, -0.4, seeds=6, within=0.3),
    "grid, nothing helps": grid,
    "random draws": lambda build, rng: grid(build, rng, -0.4, sampler="random"),
    "adaptive draws": adaptive,
    "pruned": pruned,
    "designed": designed,
    "designed, a remedy that depends on k": interacting,
    "designed, for a claim": claiming,
    "designed, for a claim of failed seeds": lambda build, rng: claiming(build, rng, slice(2, 3)),
    "diverging": diverging,
    "failing": failing,
    "each remedy once": tried_once,
    "few": few,
    "own settings": own_settings,
    "designed for own settings": designed_for_own_settings,
    "designed for own settings, too much noise": lambda build, rng: designed_for_own_settings(
        build, rng, 2.0
    ),
    "own settings, too much noise": lambda build, rng: own_settings(build, rng, 2.0),
    "margin, own settings": lambda build, rng: own_settings(
        build, rng, 0.05, effect=0.0, objective=MARGIN
    ),
    "margin, own settings, by little": lambda build, rng: own_settings(
        build, rng, 0.02, effect=-0.06, objective=MARGIN
    ),
    "k from a range": ranged,
    "maximised": maximised,
    "imported": imported,
    "one seed": lambda build, rng: grid(build, rng, -0.6, seeds=1),
    "margin, nothing helps": with_margin,
    "margin, one remedy helps by little": lambda build, rng: with_margin(build, rng, -0.06),
    "margin, random draws": lambda build, rng: with_margin(build, rng, sampler="random"),
    "margin, too much noise": lambda build, rng: grid(build, rng, objective=MARGIN),
    "margin, each remedy once": lambda build, rng: tried_once(build, rng, MARGIN, 0.02),
    "confirmed": confirmed,
    "confirmed, and no better": lambda build, rng: confirmed(build, rng, (1.0, 1.0)),
    "confirmed, one seed collapsed": lambda build, rng: confirmed(build, rng, failing=1),
    "confirmed, four seeds collapsed": lambda build, rng: confirmed(build, rng, failing=4),
    "designed and confirmed": designed_and_confirmed,
    "designed and confirmed without a twin": lambda build, rng: designed_and_confirmed(
        build, rng, twin=False
    ),
    "confirmed without a twin": lambda build, rng: confirmed(build, rng, twin=False),
}


# Reading


TELLING = (confirm, k_ratio, remedies, other_settings, section)
"""Sections whose conclusions compare two values."""
VALUE = r"(?:[+−]?\d[\d.]*(?:e[+-]?\d+)?|diverged)"
WINS = r"(?:in \d+%(?: \[\d+%, \d+%\])? of runs, )?"
EFFECT = rf"(?:× )?{VALUE}(?: \[{VALUE}, {VALUE}\])?"
Told = tuple[frozenset[str], str]
"""Which two values, and an effect as it is written."""


def of_k(first: str, second: str) -> frozenset[str]:
    return frozenset({f"k = {first}", f"k = {second}"})


def of_setting(setting: str, first: str, second: str) -> frozenset[str]:
    return frozenset({f"{setting} = {first}", f"{setting} = {second}"})


def without(name: str) -> frozenset[str]:
    return frozenset({name.removeprefix("Remedies"), "no remedy"})


class Reading:
    """What the conclusions of a report say of two values: who is better, by how much, or nothing."""

    def __init__(self, found: list[Conclusion]) -> None:
        self.better: set[tuple[str, str]] = set()
        self.open: set[frozenset[str]] = set()
        self.equal: set[frozenset[str]] = set()
        self.little: set[frozenset[str]] = set()
        """Better or worse by less than the margin."""
        self.effects: set[Told] = set()
        self.amounts: set[str] = set()
        for sentence in (str(one).removeprefix("[exploratory] ") for one in found):
            self._read_k(sentence)
            self._read_remedies(sentence)
            self._read_others(sentence)
            self._read_plans(sentence)
            self._read_twins(sentence)
            self.amounts |= set(re.findall(r"(?:: |Remedies )at (\d+) generator steps", sentence))

    def _read_k(self, sentence: str) -> None:
        claim = sentence.partition(":")[0].removeprefix("Which k is best is inconclusive; ")
        if match := re.fullmatch(
            r"k = ([\w.]+(?: to [\w.]+)?) is ((?:better|practically|inconclusive).+)", claim
        ):
            leader = match[1]
            for clause in match[2].removeprefix("and ").split(", "):
                answer, _, values = clause.removeprefix("and ").partition(" k = ")
                values, _, little = values.partition(" (than ")
                pairs = {value: of_k(leader, value) for value in values.split(" and ")}
                if answer == "better than":
                    self.better |= {(f"k = {leader}", f"k = {value}") for value in pairs}
                    little = little.removesuffix(" by less than the margin)")
                    self.little |= {pairs[value] for value in little.split(" and ") if value}
                elif answer == "practically equal to":
                    self.equal |= set(pairs.values())
                else:
                    assert answer == "inconclusive against", clause
                    self.open |= set(pairs.values())
        value = r"([\w.]+(?: to [\w.]+)?)"
        pattern = rf"k = {value} against {value}: {WINS}\w+ ({EFFECT}) \([^;)]+(; [\w ]+)?\)"
        for one, other, effect, decision in re.findall(pattern, sentence):
            self.effects.add((of_k(one, other), effect))
            if decision == "; practically equal":
                self.equal.add(of_k(one, other))
            elif decision:
                assert re.fullmatch("; (better|worse) by less than the margin", decision)
                self.little.add(of_k(one, other))

    def _read_others(self, sentence: str) -> None:
        """Of "NAME = A is better than B; inconclusive against C:" and "A against B: FID × 0.5 (...)"."""
        start = re.match(
            r"(?:Which (\S+) is best is inconclusive|(\S+) = (\S+) is (.+?)): at ", sentence
        )
        setting = start and (start[1] or start[2])
        if start is None or setting == "k":
            return
        for clause in (start[4] or "").split("; ") if start[2] else ():
            leader, little = start[3], re.search(r" \(than (.+?) by less", clause)
            _, _, values = re.split(r"(than|to|against) ", clause.partition(" (")[0], maxsplit=1)
            for value in re.split(r", | and ", values):
                pair = of_setting(setting, leader, value)
                if clause.startswith("better than"):
                    self.better.add((f"{setting} = {leader}", f"{setting} = {value}"))
                    if little and value in re.split(r", | and ", little[1]):
                        self.little.add(pair)
                elif clause.startswith("practically equal to"):
                    self.equal.add(pair)
                else:
                    assert clause.startswith("inconclusive against"), clause
                    self.open.add(pair)
        pattern = rf"(\S+) against (\S+): {WINS}\w+ ({EFFECT}) \([^;)]+(; [\w ]+)?\)"
        for one, other, effect, decision in re.findall(pattern, sentence):
            self.effects.add((of_setting(setting, one, other), effect))
            if decision == "; practically equal":
                self.equal.add(of_setting(setting, one, other))
            elif decision:
                self.little.add(of_setting(setting, one, other))

    def _read_remedies(self, sentence: str) -> None:
        if not sentence.startswith("Remedies"):
            return
        little = "(, but by less than the margin)?"
        told = rf"([\w +]+) is (better|worse) than no remedy{little}: {WINS}\w+ ({EFFECT})"
        for name, decision, by_little, effect in re.findall(told, sentence):
            pair = (name.strip(), "no remedy")
            self.better.add(pair if decision == "better" else pair[::-1])
            self.effects.add((without(name.strip()), effect))
            if by_little:
                self.little.add(without(name.strip()))
        for words, into in (
            ("inconclusive against no remedy: ", self.open),
            ("practically equal to no remedy: ", self.equal),
        ):
            _, _, rest = sentence.partition(words)
            rest = re.split(r"\. |;", rest)[0]
            for name, effect in re.findall(rf"([\w +]+) \(({EFFECT}), \d+ pairs? on", rest):
                into.add(without(name.strip()))
                self.effects.add((without(name.strip()), effect))
        for decision in ("better than without", "worse than without", "practically equal"):
            rest = re.split(f"{decision}: ", sentence, flags=re.IGNORECASE)[1:]
            for name, effect, by_little in re.findall(
                rf"([\w +]+) \(\w+ ({EFFECT}){little}\)", re.split(r"\.\s|;", "".join(rest))[0]
            ):
                pair = (name.strip(), "no remedy")
                self.effects.add((without(name.strip()), effect))
                if decision == "practically equal":
                    self.equal.add(frozenset(pair))
                    continue
                self.better.add(pair if decision == "better than without" else pair[::-1])
                if by_little:
                    self.little.add(frozenset(pair))

    def _read_twins(self, sentence: str) -> None:
        said = (
            r"([\w +]+), all else equal, on \d+ fresh seeds: "
            rf"(better|worse|inconclusive).*?\)\. \w+ ({EFFECT})"
        )
        for name, decision, effect in re.findall(said, sentence):
            name = name.strip()
            pair = (name[0].lower() + name[1:], "its twin")
            self.effects.add((frozenset(pair), effect))
            if decision == "inconclusive":
                self.open.add(frozenset(pair))
            else:
                self.better.add(pair if decision == "better" else pair[::-1])

    def _read_plans(self, sentence: str) -> None:
        asked = (
            r"(?:The nearest to a conclusion: )?(.+?) against (.+?)(?: \(.*?\)| on fresh seeds)? "
            r"(?:needs|is inconclusive)"
        )
        if not (match := re.match(asked, sentence)):
            return
        first, second = match[1], match[2]
        pair = frozenset({first, second})
        if " = " in first:
            setting, _, first = first.partition(" = ")
            pair = of_setting(setting, first, second)
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
    if row.question == CONFIRMED:
        return frozenset({first, second})
    return of_setting(row.question, first, second)


def written(row: Contrast) -> str:
    is_ratio, effect = row.scale == "ratio", row.effect
    as_text = number if is_ratio else signed
    ends = f" [{as_text(effect.low)}, {as_text(effect.high)}]" if effect.has_interval else ""
    return f"{'× ' if is_ratio else ''}{as_text(effect.value)}{ends}"


def own_rows(results: Results) -> list[Contrast]:
    own = own_axis(results.study)
    return [row for row in results.contrasts.rows if row.axis in ("", own)]


def told(row: Contrast) -> tuple[str, str]:
    first, second = (label(value) for value in (row.first, row.second))
    pair = (f"k = {first}", f"k = {second}") if row.question == "k" else (first, "no remedy")
    if row.question == CONFIRMED:
        pair = (first, second)
    elif row.question not in TOLD:
        pair = (f"{row.question} = {first}", f"{row.question} = {second}")
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
    compared = {*TOLD, *(row.question for row in results.contrasts.others)}
    found = {told(row) for row in rows if row.better is not None and row.question in compared}
    equal = {names(row) for row in rows if row.decision == "practically equal"}
    little = {names(row) for row in rows if row.better is not None and row.within_margin}
    assert reading.equal <= equal and reading.little <= little, "equality, and not found"
    assert not equal & (reading.open | {frozenset(pair) for pair in reading.better})
    assert reading.better <= found, "told, and not found"
    assert not {frozenset(pair) for pair in reading.better} & reading.open, "told, and called open"
    assert not {frozenset(pair) for pair in found} & reading.open, "found, and called open"
    # Of what is found nothing is kept back.
    missing = {frozenset(pair) for pair in found} - set(by_pair)
    # Of a list of the user's own those of the leading value, if it is ahead of any.
    leads = {better for better, _ in reading.better}
    for row in (row for row in results.contrasts.others if row.better is not None):
        better, worse = told(row)
        own = {f"{row.question} = {label(v)}" for v in (row.first, row.second)}
        if any(one.startswith(f"{row.question} = ") for one in leads) and not own & leads:
            missing -= {frozenset({better, worse})}
    assert not missing, f"found, and not told: {missing}"
    asked = {names(row) for row in rows if row.question in TOLD}
    assert equal & asked <= reading.equal and little & asked <= reading.little, "found, not told"
    (amount,) = {row.amount for row in rows if row.axis} or {None}
    assert reading.amounts <= {f"{amount:g}"} if amount else not reading.amounts
    answer = k_ratio.own_answer(results)
    if answer is not None and answer.leader is not None:
        assert f"k = {label(answer.leader)}" not in {worse for _, worse in found}, "beaten leader"
    return reading


TOLD = ("k", "remedies", "remedies at single configurations", CONFIRMED)


def no_file(*_: str) -> str:
    raise OSError


WITHOUT_FILES: Any = SimpleNamespace(list_artifacts=lambda *_: [], download_artifacts=no_file)
"""MLflow without pictures and without a study file."""


@pytest.fixture(scope="module")
def results_of(study_over_time: Any) -> Callable[[str], Results]:
    """The results of a shape, computed once."""
    made: dict[str, Results] = {}

    def build(shape: str) -> Results:
        if shape not in made:
            study = SHAPES[shape](study_over_time, np.random.default_rng(RNG))
            made[shape] = Results(dataclasses.replace(study, _client=WITHOUT_FILES))
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
    for module in (k_ratio, remedies, other_settings, section):
        for sentence in map(str, module.conclusions(results)):
            for effect in re.findall(rf"× {VALUE}(?: \[{VALUE}, {VALUE}\])?", sentence):
                assert effect in allowed, sentence


def test_the_shapes_tell_and_leave_open_what_they_were_made_for(
    results_of: Callable[[str], Results],
) -> None:
    """Else the reading above would compare nothing with nothing."""
    readings = {
        shape: check(results_of(shape))
        for shape in (
            *("grid, one remedy helps", "adaptive draws", "each remedy once", "few"),
            *("margin, nothing helps", "margin, one remedy helps by little"),
            *("margin, too much noise", "margin, each remedy once"),
            *("own settings", "own settings, too much noise", "margin, own settings"),
            "margin, own settings, by little",
            *("confirmed", "confirmed, four seeds collapsed", "confirmed without a twin"),
        )
    }
    assert ("a b", "its twin") in readings["confirmed"].better
    assert frozenset({"a b", "its twin"}) in readings["confirmed, four seeds collapsed"].open
    assert not any("its twin" in pair for pair in readings["confirmed without a twin"].better)
    assert ("a b", "no remedy") in readings["grid, one remedy helps"].better
    assert frozenset({"c", "no remedy"}) in readings["grid, one remedy helps"].open
    assert any(better == "k = 2" for better, _ in readings["adaptive draws"].better)
    assert ("a b", "no remedy") in readings["each remedy once"].better
    assert not readings["few"].better
    assert frozenset({"c", "no remedy"}) in readings["margin, nothing helps"].equal
    assert of_k("1", "2") in readings["margin, nothing helps"].equal
    little = frozenset({"a b", "no remedy"})
    assert little in readings["margin, one remedy helps by little"].little
    assert not readings["margin, too much noise"].equal
    assert frozenset({"d", "no remedy"}) in readings["margin, each remedy once"].equal
    better = readings["own settings"].better
    assert {("params.width = 64", f"params.width = {value}") for value in (32, 128)} <= better
    width = {of_setting("params.width", "64", value) for value in ("32", "128")}
    assert width & readings["margin, own settings"].equal
    assert width & readings["margin, own settings, by little"].little
    assert len(readings["own settings, too much noise"].open) >= 2


@pytest.mark.parametrize(
    ("shape", "primary"), [("grid, one remedy helps", True), ("random draws", False)]
)
def test_what_is_not_of_the_primary_family_is_marked(
    shape: str, primary: bool, results_of: Callable[[str], Results]
) -> None:
    results = results_of(shape)
    assert bool(results.contrasts.primary) == primary
    for module in (k_ratio, remedies):
        first, *rest = module.conclusions(results)
        assert first.exploratory != primary and all(one.exploratory for one in rest)
    for module in (interactions, learning_rates, game):
        assert all(one.exploratory for one in module.conclusions(results)), module
    marked = [one for module in (k_ratio, remedies) for one in module.conclusions(results)]
    for one in marked:
        assert str(one).startswith("[exploratory] ") == one.exploratory
        assert "xploratory" not in one.claim + one.basis, "the mark alone, not a sentence each"
    (family,) = (one for one in sampler.conclusions(results) if one.first)
    assert str(family).startswith(
        "The primary comparisons are those of k and remedies" if primary else "All comparisons are"
    )


def test_beside_a_design_a_twin_is_told_apart_from_the_score_and_marked(
    results_of: Callable[[str], Results],
) -> None:
    """The contrasts of the design are the primary ones; the score to quote is no comparison."""
    results = results_of("designed and confirmed")
    assert {row.family.name for row in results.contrasts.primary} == {"k and remedies"}
    score, twin, *_ = confirm.conclusions(results)
    assert not score.exploratory and "all else equal" not in str(score)
    assert twin.exploratory and twin.first
    assert twin.claim.startswith("A b, all else equal, on 8 fresh seeds: ")
    alone = confirm.conclusions(results_of("confirmed"))
    assert "A b, all else equal" in alone[0].basis and not any(one.exploratory for one in alone)


def test_remedies_depend_on_k_or_stand_and_never_both(
    results_of: Callable[[str], Results],
) -> None:
    """The joint test decides which, and effects at each k are those of the table and exploratory."""
    for shape in ("designed", "designed, a remedy that depends on k", "grid, nothing helps"):
        results = results_of(shape)
        told = [one for one in interactions.conclusions(results) if "depends on k" in one.claim]
        assert len(told) == (shape != "grid, nothing helps"), "of a design alone"
        for one in told:
            depends = one.claim.startswith("The effect of a remedy depends on k (")
            assert depends == (shape != "designed") == one.first and one.exploratory
            assert ("stand as they are" in one.basis) != depends
            rows = results.contrasts.by_k
            assert len(rows) == (3 * 2 if depends else 0)
            for row in rows:
                assert not row.family.primary
                assert f"{label(row.first)} at {row.at} {written(row)}" in one.basis
            if depends:
                ends = [row for row in rows if f"{written(row)} at {row.at}" in one.brief.text]
                assert len(ends) == 2 and ends[0].first == ends[1].first
                apart = {
                    first: max(by_k) - min(by_k)
                    for first in {row.first for row in rows}
                    for by_k in [[row.worse_by for row in rows if row.first == first]]
                }
                assert apart[ends[0].first] == max(apart.values())
        if shape == "designed":
            others = [str(one) for one in interactions.conclusions(results) if one not in told]
            assert not any("the larger k" in sentence for sentence in others)


def test_a_claim_comes_first_and_says_what_the_table_says(
    results_of: Callable[[str], Results],
) -> None:
    results = results_of("designed, for a claim")
    first, second, third = claim.conclusions(results)
    assert [str(first), str(second)] == [str(one) for one in conclusions.conclusions(results)[:2]]
    table = results.contrasts
    (remedy,) = (row for row in table.remedies if row.first == "a_b")
    (k,) = (
        row
        for row in table.k
        if {row.first, row.second} == {1.0, 5.0} and row.axis == "generator_steps"
    )
    assert first.claim.startswith(
        f'The claim "A b helps" holds: FID, a b against none: {written(remedy)}'
    )
    assert remedy.decision == "better" and not first.exploratory
    k = k if k.first == 5 else k.reversed()
    words = {"better": "holds", "worse": "does not hold", "inconclusive": "is inconclusive"}
    assert second.claim.startswith(f"By FID, k = 5 against 1 it {words[k.decision]}: {written(k)}")
    assert third.exploratory, "the family of the design decides the claim"
    (family,) = (one for one in sampler.conclusions(results) if one.first)
    assert family.claim.startswith("The primary comparisons are those of k and remedies (5 ")


def test_what_a_claim_is_not_decided_by_is_exploratory(
    results_of: Callable[[str], Results],
) -> None:
    results = results_of("designed, for a claim of failed seeds")
    (only,) = claim.conclusions(results)
    assert not only.exploratory
    for module in (k_ratio, remedies):
        assert all(one.exploratory for one in module.conclusions(results))
    (family,) = (one for one in sampler.conclusions(results) if one.first)
    assert family.claim == "The primary comparison is the one of the claim;"


@pytest.mark.usefixtures("briefs_alone")
def test_the_first_screen_has_the_primary_comparison_of_remedies(
    results_of: Callable[[str], Results],
) -> None:
    results = results_of("confirmed")
    (row,) = results.contrasts.confirmed
    (fresh,) = (one for one in answer(results) if "fresh seeds, all else equal" in one.claim)
    assert fresh.claim.startswith(
        f"A b on 8 fresh seeds, all else equal, is {row.contrast.decision} than without: FID "
        f"{written(row.contrast)} (p"
    )
    assert not fresh.exploratory
    for shape in ("designed and confirmed", "confirmed without a twin", "designed"):
        told = [one for one in answer(results_of(shape)) if "all else equal" in one.claim]
        assert all(one.exploratory for one in told)


@pytest.fixture
def briefs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other sections have no sentence on the first screen, and take most of a report's time."""
    told = {"looks", "budget_length", "confirm", "best_configuration", "outcomes", "k_ratio"}
    told |= {"remedies", "other_settings", "interactions", "sample_size"}
    chosen = [part for part in SECTIONS if part.__name__.rpartition(".")[2] in told]
    monkeypatch.setattr(conclusions, "SECTIONS", chosen)


@pytest.mark.usefixtures("briefs_alone")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_screen_is_five_short_sentences_the_largest_effect_first(
    shape: str, results_of: Callable[[str], Results]
) -> None:
    results = results_of(shape)
    told = answer(results)
    assert 1 <= len(told) <= 5
    for one in told:
        assert len(one.claim.split()) <= 25 and not one.basis, one.claim
        assert (
            one.claim.endswith((".", "?")) and " nan" not in one.claim and "None" not in one.claim
        )
    briefs = [one.brief for one in told if one.brief is not None]
    assert [brief.rank for brief in briefs] == sorted(brief.rank for brief in briefs)
    sizes = [brief.size for brief in briefs if brief.rank is Rank.EFFECT]
    assert sizes == sorted(sizes, reverse=True)
    ranks = {brief.rank for brief in briefs}
    assert {Rank.SCORE, Rank.FAILURES} <= ranks, "the score and the failures are never left out"
    # Of what is found the largest effect of k, and of the remedies, is told.
    rows = [row for row in own_rows(results) if row.better is not None]
    for question in ("k", "remedies", "remedies at single configurations", CONFIRMED):
        found = [row for row in rows if row.question == question]
        if found and len(told) < 5:
            largest = max(found, key=lambda row: abs(row.worse_by))
            either = {written(largest), written(largest.reversed())}
            assert any(effect in one.claim for effect in either for one in told), largest

    # Every effect is one of the table, and what is called better or worse is found.
    rows = own_rows(results)
    shown = [*rows, *results.contrasts.by_k]
    allowed = {written(each) for row in shown for each in (row, row.reversed())}
    open_ones = {written(row) for row in rows if row.is_open}
    for one in told:
        effects = set(re.findall(rf"× {VALUE}(?: \[{VALUE}, {VALUE}\])?", one.claim))
        assert effects <= allowed, one.claim
        if re.search(r"\b(better|worse) than\b", one.claim):
            assert not effects & open_ones, one.claim


def test_every_factor_of_a_design_is_of_its_primary_family(
    results_of: Callable[[str], Results],
) -> None:
    """Three widths make three comparisons, one remedy one: four together, and each has a sentence."""
    for shape, width in (
        ("designed for own settings", r"params.width = 64 is better than (32|128)"),
        (
            "designed for own settings, too much noise",
            r"Which params.width is best .* is inconclusive",
        ),
    ):
        results = results_of(shape)
        rows = results.contrasts.primary
        assert {row.question for row in rows} == {"params.width", "remedies"}
        assert {(row.family.name, row.family.comparisons) for row in rows} == {
            ("remedies and params.width", 4)
        }
        assert all(row.effect.level == pytest.approx(1 - 0.05 / 4) for row in rows)
        told = answer(results)
        assert sum(bool(re.match(width, one.claim)) for one in told) == 1, told
        assert not any(one.exploratory for one in told if "params.width" in one.claim)
    # What varies from point to point beside the factors was not what the study was made for.
    study = results_of("designed").whole
    of_k = study.spec["design"] | {"factors": ["k"]}
    alone = Results(dataclasses.replace(study, spec=study.spec | {"design": of_k}))
    assert {row.question for row in alone.contrasts.primary} == {"k"}
    assert not any(row.family.primary for row in alone.contrasts.remedies)


@pytest.mark.parametrize("shape", ["few", "pruned", "confirmed, four seeds collapsed"])
def test_what_is_inconclusive_stands_in_the_one_list_and_in_no_section(
    shape: str, results_of: Callable[[str], Results]
) -> None:
    results = results_of(shape)
    sections = build_sections(SECTIONS, results)
    shown = [one for part in sections for one in part.conclusions]
    assert all(one.open is None for one in shown)
    told = [one for module in SECTIONS for one in conclusions_of_module(module, results)]
    asked = [one.open.question for one in told if one.open is not None and one.open.question]
    assert len(asked) == len(set(asked)), "no question twice"
    listed = [
        table
        for part in sections
        for table in tables_of(part.blocks)
        if table.name == "inconclusive"
    ]
    assert [table.frame["question"].tolist() for table in listed] == ([asked] if asked else [])
    # Every comparison of the study that is open and may be planned for is one of its rows.
    compared = [one.open.question for one in section.conclusions(results) if one.open is not None]
    assert set(compared) <= set(asked)


@pytest.mark.usefixtures("briefs_alone")
def test_an_early_effect_that_fresh_seeds_do_not_repeat_is_said_to_be_early(
    results_of: Callable[[str], Results], study_over_time: Any
) -> None:
    """The design compares at two thirds of the budget, where the remedy halves the score."""

    def with_twin(factors: tuple[float, float], at: float = 2 / 3) -> Results:
        rng = np.random.default_rng(RNG)
        study = designed_and_confirmed(study_over_time, rng, factors=factors, seeds=6)
        spec = study.spec | {"design": study.spec["design"] | {"at": at}}
        return Results(dataclasses.replace(study, spec=spec))

    gone = with_twin((1.0, 1.0))
    (early,) = (row for row in gone.contrasts.remedies if row.first == "a_b")
    (late,) = gone.contrasts.confirmed
    assert early.decision == "better" and early.amount < gone.whole.budget.amount
    assert late.contrast.is_open and early.effect.value < late.contrast.effect.low
    first, second, *_ = answer(gone)
    assert first.claim.startswith("A b is better than no remedy at ")
    assert second.claim.startswith("The early effect of a b may not last: at ")
    assert written(late.contrast) in second.claim and second.exploratory
    (told,) = (one for one in confirm.conclusions(gone) if "may not last" in one.claim)
    assert written(early) in told.basis and written(late.contrast) in told.basis
    # Repeated, or found at the end of the budget: then there is nothing to say.
    for kept in (with_twin((0.5, 1.0)), with_twin((1.0, 1.0), at=1)):
        assert not any("early effect" in one.claim for one in answer(kept))


def test_no_paragraph_of_the_page_stands_there_twice(
    results_of: Callable[[str], Results], tmp_path: Path
) -> None:
    for shape in ("designed and confirmed",):
        made = html.build(results_of(shape).whole)
        page = made.write(tmp_path / "report.html").read_text()
        page = re.sub(r"<(script|style|nav)\b.*?</\1>", "", page, flags=re.DOTALL)
        texts = re.findall(r"<(p|li|figcaption|summary|h2|h3)\b[^>]*>(.*?)</\1>", page, re.DOTALL)
        plain = [re.sub(r"<[^>]+>", " ", text).split() for _, text in texts]
        long = [" ".join(words) for words in plain if len(words) >= 8]
        assert long and len(long) == len(set(long)), "a paragraph twice"
        assert not any(one.basis for one in made.answer), "the first screen is the short one"


def test_of_how_many_trials_the_best_without_remedies_is_counts_those_of_the_design(
    results_of: Callable[[str], Results],
) -> None:
    """Three k at six learning rates, without and with each of two remedies: 18 and 36."""
    results = results_of("designed and confirmed without a twin")
    (told,) = (str(one) for one in confirm.conclusions(results) if "best without" in one.claim)
    assert "out of 18 trials" in told and "the best of 36 trials with remedies" in told


def test_the_primary_comparisons_are_named_by_where_they_were_made(
    results_of: Callable[[str], Results],
) -> None:
    (one,) = (found for found in sampler.conclusions(results_of("confirmed")) if found.first)
    assert one.claim == "The primary comparison is the one on fresh seeds;"


def test_nothing_is_said_to_be_equal_without_a_margin(
    results_of: Callable[[str], Results],
) -> None:
    results = results_of("grid, nothing helps")
    told = " ".join(map(str, conclusions_of(results)))
    assert "Nothing is called practically equal: a margin would have to be stated before" in told
    assert "practically equal to" not in told
    told = " ".join(map(str, conclusions_of(results_of("margin, nothing helps"))))
    assert "Practically equal means within a factor of 0.87 to 1.15" in told
    assert "if the effect is as observed" not in told, "planned from the margin alone"


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
