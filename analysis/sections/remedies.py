"""The remedies against no remedy."""

from __future__ import annotations

from typing import Any

from analysis import figures, tables
from analysis.intervals import MIN_CONFIGURATIONS
from analysis.page import Block, Evidence, Figure, Table
from analysis.sections import groups
from analysis.wording import Said, Tile, count, label, rows, signed, unit
from trials.catalogue import MEASURES

NAME, TITLE = "remedies", "Remedies"


def blocks(evidence: Evidence) -> list[Block]:
    """Score and lost seeds by remedy, and the difference to none."""
    made = groups.blocks(evidence, "remedies", "remedies")
    table, (measure, _) = evidence.of(tables.remedies_against_none, evidence.study), tables.objective(evidence.study)
    if table.empty:
        return made
    caption = (
        "Median over configurations minus that without remedy, at the last evaluation that every trial reached; "
        "bootstrap intervals that hold for all remedies together with 95% (Bonferroni). Green triangles: better; red "
        "crosses: worse; grey circles: no difference can be told, because the interval holds 0 or there are fewer than "
        f"{MIN_CONFIGURATIONS} configurations on either side. The other settings are not matched."
    )
    alt = (
        f"Difference in {MEASURES[measure].label} to no remedy, with interval, for {count(len(table), 'remedy label')}."
    )
    return [
        *made,
        Figure("remedies", figures.remedies_against_none(table, measure), caption, alt),
        Table("remedies_against_none", table, "Differences to no remedy", folded=True),
    ]


def said(evidence: Evidence) -> list[Said]:
    """Which remedies are better or worse than none, and of which it cannot be told."""
    study = evidence.study
    table = evidence.of(tables.remedies_against_none, study)
    if table.empty:
        return []
    each = rows(table)
    where = f"at {each[0]['progress']:g} {unit(study)}"
    control = each[0]["control_configurations"]
    if not control:
        return [Said(f"Remedies {where}: no trial without remedy can be compared with.", first=True)]
    name = MEASURES[tables.objective(study)[0]].label
    told = [row for row in each if row["verdict"] != "open"]
    untold = [row for row in each if row["verdict"] == "open"]
    parts = [_effect(row, name) for row in told]
    if untold:
        names = ", ".join(f"{label(row['remedies'])} ({row['configurations']})" for row in untold)
        parts.append(f"no difference to no remedy ({count(control, 'configuration')}) can be told for {names}")
    claim, *rest = [f"Remedies {where}: {parts[0]}", *parts[1:]]
    claim, basis = f"{claim}{';' if rest else '.'}", f"{'; '.join(rest)}." if rest else ""
    if len(each) > 1 and told:
        basis += f" The intervals hold for the {len(each)} comparisons together."
    if table["low"].isna().any():
        basis += f" Below {MIN_CONFIGURATIONS} configurations on either side nothing can be told."
    value = ", ".join(f"{label(row['remedies'])} {row['verdict']}" for row in told) or "cannot be told"
    tile = Tile(
        "Remedies against none", value, f"{count(len(each), 'comparison')}, {count(control, 'configuration')} without"
    )
    return [Said(claim, basis.strip(), first=True, tile=tile)]


def _effect(row: dict[str, Any], name: str) -> str:
    return (
        f"{label(row['remedies'])} is {row['verdict']} than no remedy, {name} {signed(row['difference'])} with 95% "
        f"interval [{signed(row['low'])}, {signed(row['high'])}] ({row['configurations']} against "
        f"{count(row['control_configurations'], 'configuration')})"
    )
