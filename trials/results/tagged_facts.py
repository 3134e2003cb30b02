"""The facts of a study as older versions wrote them: in tags, which MLflow may have cut."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ganstudy.trials.results.facts import Origin, StudyFacts
from ganstudy.trials.results.mlflow_tags import Tag

CUT_AT = (8000, 5000)
"""Characters at which MLflow's servers have cut a tag's value."""


class CutFactsError(ValueError):
    """MLflow has cut what the analysis needs, and nothing else has it."""


class Tags:
    """The tags of a study's run, and which of them were cut."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = tags
        self.cut: list[Tag] = []

    def text(self, tag: Tag, default: str = "") -> str:
        """Return a tag's text, as far as it goes."""
        text = self._tags.get(tag, default)
        if len(text) in CUT_AT:
            self.cut.append(tag)
        return text

    def whole(self, tag: Tag, known: str) -> str:
        """Return a tag's text, or all of it where it was cut and more is known."""
        text = self._tags.get(tag, "")
        if tag in self.cut and len(known) > len(text):
            self.cut.remove(tag)
            return known
        return text

    def parsed(self, tag: Tag, default: Any) -> Any:
        """Return the value of a tag that holds JSON; the default if that is absent or cut."""
        if tag not in self._tags:
            return default
        try:
            return json.loads(self._tags[tag])
        except ValueError:
            self.cut.append(tag)
            return default

    def names(self, tag: Tag) -> list[str]:
        """Return the texts of a JSON list, as far as they are whole."""
        names = self.parsed(tag, None)
        if names is not None:
            return list(names)
        text, found, at = self._tags.get(tag, ""), [], 1
        decoder = json.JSONDecoder()
        while at < len(text):
            try:
                name, end = decoder.raw_decode(text, at)
            except ValueError:
                break  # the one that was cut, or what follows the last one
            found.append(str(name))
            at = end + len(", ")
        return found


def facts_from_tags(tags: Mapping[str, str], known: StudyFacts | None = None) -> StudyFacts:
    """Return the facts that the tags hold, and those that `known` has where a tag was cut.

    CutFactsError if the study file was cut, or is not there, and nothing is known of it.
    """
    read = Tags(tags)
    spec = read.parsed(Tag.SPEC, None)
    question, changes = read.text(Tag.QUESTION), read.text(Tag.CHANGES)
    imported = read.parsed(Tag.IMPORTED, None)
    provenance, modes = read.parsed(Tag.PROVENANCE, {}), read.names(Tag.MODES)
    if known is not None:
        spec = spec or known.spec
        question = read.whole(Tag.QUESTION, known.question)
        changes = read.whole(Tag.CHANGES, known.origin.changes)
        imported = imported or known.origin.imported
        read.cut = [tag for tag in read.cut if tag not in (Tag.SPEC, Tag.IMPORTED)]
    if spec is None:
        raise CutFactsError(", ".join(read.cut) or Tag.SPEC)
    return StudyFacts(
        spec=spec,
        question=question,
        provenance=provenance,
        modes=modes,
        real_effective_modes=float(tags[Tag.REAL_MODES]) if Tag.REAL_MODES in tags else None,
        origin=Origin(
            source=tags.get(Tag.SOURCE, "unknown"),
            python=tags.get(Tag.PYTHON, "unknown"),
            packages=read.parsed(Tag.PACKAGES, {}),
            changes=changes,
            imported=imported,
        ),
        notes=[
            f"MLflow has cut the tag {tag}, in which an older version of ganstudy kept what the "
            f"report reads: {MISSING[tag]}"
            for tag in dict.fromkeys(read.cut)
        ],
    )


MISSING = {
    Tag.MODES: "the modes at the end of the list have numbers instead of names.",
    Tag.QUESTION: "the question is not whole.",
    Tag.CHANGES: "the list of changes is not whole.",
    Tag.PROVENANCE: "what the scores were measured with is taken from the trials' histories.",
    Tag.PACKAGES: "the versions of packages are not known.",
    Tag.IMPORTED: "where the histories come from is not known.",
}
"""What is missing where a tag was cut that nothing else has."""
