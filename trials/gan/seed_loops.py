"""What a pack makes seed by seed: to the same numbers, in more time than all seeds at once."""

from __future__ import annotations

from collections.abc import Iterable

from ganstudy.trials.config.own_parts import OPTIMISERS
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble


def seed_loops(networks: Iterable[tuple[str, SeedEnsemble]], config: TrialConfig) -> list[str]:
    """Return why something is made seed by seed, one sentence each; empty if all is made at once.

    networks: each behind its name in such a sentence.
    """
    found = [
        f"the {name} runs as a loop over seeds, the same numbers but slower, since vmap cannot take it: "
        f"{ensemble.fallback}"
        for name, ensemble in networks
        if ensemble.fallback is not None
    ]
    if config.optimiser not in OPTIMISERS:
        found.append(
            f"{config.optimiser} makes its steps seed by seed, which is slower than adam for all seeds at "
            "once: the numbers of each seed are those of the seed alone"
        )
    return found
