"""The report: blocks, sections, HTML."""
