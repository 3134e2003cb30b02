"""What was done to pictures before they were compared, as the provenance of a score says it."""

from __future__ import annotations

from ganstudy.trials.config.data import DataOptions, PictureOptions

NOTHING_DONE = "as they are"


def preparation_of(
    groups: dict[str, DataOptions | None], conversions: dict[str, tuple[str, ...]]
) -> str:
    """Return what was done to the pictures, "as they are" for nothing.

    It is one text where it is the same in all groups, else one for each.
    """
    done = {
        name: _done(options, conversions[name])
        for name, options in groups.items()
        if options is not None
    }
    if len(set(done.values())) == 1:
        return done["real"]
    return "; ".join(f"{name} {what}" for name, what in done.items())


def _done(options: DataOptions, conversions: tuple[str, ...]) -> str:
    """Return what was done to the pictures of one group: as they needed it, then as was asked."""
    if not isinstance(options, PictureOptions):
        return NOTHING_DONE
    steps = [
        *conversions,
        *(["cut to the middle square"] if options.crop == "centre" else []),
        *([f"resized to {options.size} x {options.size}"] if options.size is not None else []),
        *(["made grey"] if options.channels == "grey" else []),
    ]
    return ", ".join(steps) or NOTHING_DONE
