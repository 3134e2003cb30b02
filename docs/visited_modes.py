"""The order in which cycling seeds visit the modes of a ring: is the next one a neighbour?

python docs/visited_modes.py HOME NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.proportions import clustered_proportion
from ganstudy.study.home import Home
from ganstudy.trials.results.records import Verdict


def steps_between_modes(study: Study) -> dict[int, list[int]]:
    """Return, by trial, how far around the ring each change of the dominant mode of a cycling seed went."""
    last = study.seeds
    cycling = last[last["verdict"] == Verdict.CYCLING][["number", "seed"]]
    rows = study.evaluations.merge(cycling, on=["number", "seed"]).sort_values("evaluation")
    found: dict[int, list[int]] = {}
    for (number, _), group in rows.groupby(["number", "seed"]):
        counts = np.stack(group["histogram"].dropna().to_list())
        dominant = counts.argmax(axis=1)
        moved = np.flatnonzero(np.diff(dominant))
        ahead = (dominant[moved + 1] - dominant[moved]) % counts.shape[1]
        around = np.minimum(ahead, counts.shape[1] - ahead)
        found.setdefault(int(number), []).extend(around.tolist())
    return {number: steps for number, steps in found.items() if steps}


def neighbours(steps: dict[int, list[int]]) -> Estimate:
    """Return the share of changes that go to a neighbour, over trials; 2 of 7 by chance on a ring of 8."""
    shares = np.array([np.mean(np.array(each) == 1) for each in steps.values()])
    return clustered_proportion(shares, sum(map(len, steps.values())))


if __name__ == "__main__":
    home = Home(Path(sys.argv[1]))
    steps = steps_between_modes(load_study(sys.argv[2], home.tracking_uri(None)))
    every = np.concatenate(list(steps.values()))
    print(len(every), "changes in", len(steps), "configurations; distance: share")
    for distance in range(1, 5):
        print(distance, f"{np.mean(every == distance):.0%}")
    print("to a neighbour:", neighbours(steps))
