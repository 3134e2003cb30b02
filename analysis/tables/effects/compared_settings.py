"""Which settings have their values compared, and which of them the study was made for."""

from __future__ import annotations

from ganstudy.analysis.frames.designed import factors, has_design
from ganstudy.analysis.frames.selection import MAX_GROUPS
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.effects.learning_rates import RATES

K, REMEDIES = "k", "remedies"


def other_settings(study: Study) -> list[str]:
    """Return the searched settings that no other section is about.

    One learning rate alone has none: its section is about the two together. The switch of a remedy
    is in that of remedies.
    """
    searched = study.searched
    elsewhere = {K, REMEDIES, *(RATES if set(RATES) <= set(searched) else ())}
    return [name for name in searched if name not in elsewhere and not study.is_switch(name)]


def is_list(study: Study, setting: str) -> bool:
    """Return whether single values of a setting can be compared: two at least, and few.

    Of ranges, and of longer lists of numbers, scores by third are shown alone.
    """
    values = study.trials[setting].dropna()
    return 2 <= values.nunique() <= MAX_GROUPS


def primary_settings(study: Study) -> list[str]:
    """Return the settings whose contrasts are one family, where the study was made for them.

    Of a design these are its factors, of a full grid k and the remedies.
    """
    searched = study.searched
    main = [name for name in (K, REMEDIES) if name in searched]
    if not has_design(study):
        return main
    crossed = factors(study)
    by_switch = any(map(study.is_switch, crossed))
    main = [name for name in main if name in crossed or (name == REMEDIES and by_switch)]
    others = [name for name in other_settings(study) if name in crossed and is_list(study, name)]
    return [*main, *others]
