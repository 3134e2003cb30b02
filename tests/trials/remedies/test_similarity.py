"""The sums of minibatch discrimination and their gradients are those of torch's own operations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from ganstudy.trials.remedies import similarity
from ganstudy.trials.remedies.similarity import similarity_sums


def by_torch(projected: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(projected, projected, p=1.0)).sum(-1)


def points(*shape: int) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn[..., 1, :] = drawn[..., 0, :]  # a tie in all coordinates, whose sign is 0
    return drawn.requires_grad_()


def derivatives(of: Callable[[Tensor], Tensor], at: Tensor) -> list[Tensor]:
    """Value, gradient of a weighted sum, and gradient of the gradient's square."""
    value = of(at)
    weights = torch.linspace(-1, 1, value.numel(), dtype=torch.float64).reshape(value.shape)
    (first,) = torch.autograd.grad((weights * value.square()).sum(), at)
    (kept,) = torch.autograd.grad((weights * of(at).square()).sum(), at, create_graph=True)
    (second,) = torch.autograd.grad(kept.square().sum(), at)
    return [value.detach(), first, kept.detach(), second]


@pytest.mark.parametrize("shape", [(3, 6, 4), (2, 3, 7, 8), (1, 2, 1)])
@pytest.mark.parametrize("block", [1, 2**17])
def test_sums_and_derivatives_are_those_of_torch(
    shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "BLOCK", block)
    at = points(*shape)
    for found, expected in zip(
        derivatives(similarity_sums, at), derivatives(by_torch, at), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_lanes_of_a_pack_have_the_derivatives_of_each_alone() -> None:
    at = points(3, 2, 5, 8)
    for found, expected in zip(
        derivatives(vmap(similarity_sums), at), derivatives(by_torch, at), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
