"""The sections of the report, one module each; report/blocks.py defines what a section is."""
