"""What a study file may say, as pydantic models; free of torch, so that `ganstudy check` answers at
once.
"""
