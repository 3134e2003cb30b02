"""The sections of the report, one file each; analysis/report/blocks.py says what a section is."""
