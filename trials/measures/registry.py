"""The measures of generated samples, in the order in which they are computed.

What else a trial reports is measured where it arises: losses and gradients in the training step,
trajectories in the trial's history, the duality gap and path angles at the end of training.
"""

from __future__ import annotations

from ganstudy.trials.measures.base import SampleMeasure
from ganstudy.trials.measures.copying import COPYING
from ganstudy.trials.measures.density_coverage import DENSITY_COVERAGE
from ganstudy.trials.measures.fidelity import FID, INCEPTION_SCORE, PRECISION_RECALL
from ganstudy.trials.measures.kid import KID
from ganstudy.trials.measures.modes import MODES
from ganstudy.trials.measures.ndb_jsd import NDB_JSD
from ganstudy.trials.measures.sharpness import SHARPNESS

SAMPLE_MEASURES: tuple[SampleMeasure, ...] = (
    FID,
    KID,
    PRECISION_RECALL,
    DENSITY_COVERAGE,
    INCEPTION_SCORE,
    SHARPNESS,
    MODES,
    NDB_JSD,
    COPYING,
)
