"""The configuration of a trial as pydantic models.

Free of torch, so that `ganstudy check` answers at once.
"""
