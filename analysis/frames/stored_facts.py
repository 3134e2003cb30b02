"""Reads the facts of a study and its trials from MLflow's artifacts (trials/results/facts.py).

Studies of older versions have them in tags, of which MLflow may have cut some.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress

from ganstudy.analysis.frames.mlflow_client import MlflowClient, MlflowException, Run, read_artifact
from ganstudy.trials.results.facts import (
    TRIAL_FACTS_FOLDER,
    Origin,
    StudyFacts,
    TrialFacts,
    TrialFactsFile,
)
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import IMPORTED_FILE
from ganstudy.trials.results.tagged_facts import CutFactsError, facts_from_tags

Known = Callable[[], StudyFacts]
"""Returns what is known of a study beside MLflow."""


def is_study(run: Run) -> bool:
    """Return whether this is the run of a study that has begun to be published."""
    tags = run.data.tags
    return tags.get(Tag.KIND) == "study" and (Tag.FACTS in tags or Tag.SPEC in tags)


def study_facts(client: MlflowClient, parent: Run, known: Known | None) -> tuple[StudyFacts, bool]:
    """Return (facts of a study, whether MLflow has them whole).

    From its artifact, or from its tags if an older version wrote it.

    CutFactsError if neither is whole, and `known` is None.
    """
    tags = parent.data.tags
    reason = "an older version of ganstudy kept it in a tag, which MLflow has cut"
    if Tag.FACTS in tags:
        try:
            return StudyFacts.from_text(_text(client, parent, tags[Tag.FACTS])), True
        except (OSError, ValueError, MlflowException) as error:
            reason = f"the artifact {tags[Tag.FACTS]} cannot be read: {_line(error)}"
    with suppress(CutFactsError):
        facts = facts_from_tags(tags)
        return facts, not facts.notes
    # An imported study has all of it in another artifact, of any length.
    elsewhere = _imported(client, parent)
    if elsewhere is None and known is not None:
        elsewhere = known()
    if elsewhere is None:
        name = tags.get(Tag.STUDY, "")
        way = (
            f"import the same file again as {name}, which writes it whole"
            if Tag.IMPORTED in tags
            else f"where the study's home folder is, `ganstudy report {name}` reads it from the "
            f"study's ledger, and `ganstudy publish {name}` writes it to MLflow for good"
        )
        raise CutFactsError(
            f"MLflow has not the whole study file of {name!r}: {reason}. Nothing is lost: {way}"
        )
    return facts_from_tags(tags, elsewhere), False


def trial_facts(client: MlflowClient, parent: Run, runs: Iterable[Run]) -> list[TrialFacts]:
    """Return the facts of the trials with these runs.

    From artifacts, or from a run's tags and parameters if an older version published it.
    """
    stored: dict[int, TrialFacts] = {}
    if Tag.FACTS in parent.data.tags:
        newest: dict[int, TrialFactsFile] = {}
        for artifact in client.list_artifacts(parent.info.run_id, TRIAL_FACTS_FOLDER):
            # One of two files may be just being written, or was when the publisher was killed.
            with suppress(ValueError, KeyError, TypeError):
                file = TrialFactsFile.from_text(_text(client, parent, artifact.path))
                if file.version > newest.get(file.index, TrialFactsFile(file.index)).version:
                    newest[file.index] = file
        stored = {
            number: facts for file in newest.values() for number, facts in file.trials.items()
        }
    found = []
    for run in runs:
        facts = stored.get(int(run.data.tags[Tag.TRIAL]))
        found.append(facts or TrialFacts.from_run(run.data.tags, run.data.params))
    return found


def _imported(client: MlflowClient, parent: Run) -> StudyFacts | None:
    """Return what the study file of an imported study says; None if there is no such file."""
    try:
        spec = json.loads(_text(client, parent, IMPORTED_FILE))
        given = dict(spec["imported"])
    except (OSError, ValueError, KeyError, TypeError, MlflowException):
        return None
    source = {key: value for key, value in given.items() if key not in ("floor", "mapping")}
    return StudyFacts(spec, str(spec.get("question", "")), origin=Origin(imported=source))


def _text(client: MlflowClient, run: Run, file: str) -> str:
    return read_artifact(client, run.info.run_id, file, run.info.artifact_uri).decode("utf-8")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
