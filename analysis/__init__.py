"""What the trials say: frames, tables, figures and the report. Never imports torch or Ray."""
