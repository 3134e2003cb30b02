"""How a trial's end by an error is told: the kind, the message, and the place in the user's own file once."""

from __future__ import annotations

from ganstudy.study.tune.trainable import explain, raised_at
from ganstudy.trials.training.functions.calling import TrainingFunctionError


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as found:
        return found


def test_a_mistake_of_a_training_function_is_told_with_its_line_once() -> None:
    error = raised(TrainingFunctionError("returned after 1 of 4 evaluations", "my_trainer.py:5"))
    assert raised_at(error) == "my_trainer.py:5"
    assert explain(error) == (
        "TrainingFunctionError: my_trainer.py:5: returned after 1 of 4 evaluations"
    )


def test_other_errors_are_told_with_the_line_that_raised_them() -> None:
    error = raised(KeyError("width"))
    assert explain(error).startswith(
        "KeyError: 'width' ("
    ) and "test_explained_errors.py:" in explain(error)
