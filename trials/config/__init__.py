"""The configuration of a trial as pydantic models; free of torch, so that `ganstudy check` answers
at once.
"""
