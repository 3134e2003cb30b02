"""The sum of minibatch discrimination, by what all pairs of a batch have in common.

    s_i = sum_j e_ij,   e_ij = exp(-|| M_i - M_j ||_1),   j = i included

is symmetric in i and j, so that one pass gives the gradient of both sides of all pairs:

    dL / dM_ic = - sum_j (g_i + g_j) e_ij sign(M_ic - M_jc),   g_i = dL / ds_i

Second derivatives, which gradient penalties and unrolled steps ask for, come from torch's own
operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 2**17
"""Pairs whose distances are in work at once on the CPU: half a megabyte stays in its cache, where
each operation is two to three times faster."""


def similarity_sums(projected: Tensor) -> Tensor:
    """Return s [..., N] of points M [..., N, C]."""
    sums: Tensor = _SimilaritySums.apply(projected)[0]
    return sums


class _SimilaritySums(torch.autograd.Function):
    """(s, e) of points; the gradient of s, and of it by way of torch's operations."""

    @staticmethod
    def forward(projected: Tensor) -> tuple[Tensor, Tensor]:
        *stacks, num, _ = projected.shape
        flat = projected.flatten(0, -3).contiguous()
        similarities = flat.new_empty(len(flat), num, num)
        sums = flat.new_empty(len(flat), num)
        step = _stacks_at_once(flat)
        for points, e, s in zip(
            flat.split(step), similarities.split(step), sums.split(step), strict=True
        ):
            # With p = 1 torch.cdist takes no matrix product, so that equal images are at 0 exactly.
            torch.exp(torch.cdist(points, points, p=1.0).neg_(), out=e)
            torch.sum(e, 2, out=s)
        return sums.view(*stacks, num), similarities.view(*stacks, num, num)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        # Zeros for the gradient of e would cost as much as the sums do.
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, of_sums: Tensor | None, _: Any) -> Tensor | None:
        projected, similarities = ctx.saved_tensors
        if of_sums is None:
            return None
        if torch.is_grad_enabled():
            return _differentiable(projected, of_sums)
        num = projected.shape[-2]
        flat, e = projected.flatten(0, -3).contiguous(), similarities.flatten(0, -3)
        of_sums = of_sums.reshape(-1, num)
        step = _stacks_at_once(flat)
        parts = []
        for points, weights, g in zip(
            flat.split(step), e.split(step), of_sums.split(step), strict=True
        ):
            weights = (g[:, :, None] + g[:, None, :]).mul_(weights)
            # The last argument is not read where p = 1.
            parts.append(torch.ops.aten._cdist_backward(weights, points, points, 1.0, weights))
        return torch.cat(parts).neg_().view(projected.shape)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], projected: Tensor) -> tuple[Any, tuple[int, int]]:
        return _SimilaritySums.apply(projected.movedim(in_dims[0], 0)), (0, 0)


def _stacks_at_once(flat: Tensor) -> int:
    """Return how many batches of points [K, N, C] are taken at once."""
    if flat.is_cuda:
        return max(1, len(flat))
    return max(1, BLOCK // flat.shape[1] ** 2)


def _differentiable(projected: Tensor, of_sums: Tensor) -> Tensor:
    """Return the gradient as a function of both that can be differentiated once more."""
    sums = torch.exp(-torch.cdist(projected, projected, p=1.0)).sum(-1)
    (gradient,) = torch.autograd.grad(sums, projected, of_sums, create_graph=True)
    return gradient
