"""The sections of the report, one file each; analysis/page.py says what a section is."""
