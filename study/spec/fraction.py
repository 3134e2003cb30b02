"""Balanced fractions of a design: which of the combinations of its factors train at which point.

A fraction is the solutions of linear equations in the numbers of the factors' values: the sum over the factors
of an equation is the same number modulo a prime (fractional factorials: Box & Hunter 1961; with unlike numbers
of values: Addelman 1962). The factors of an equation are called its word. Among fewer factors than the shortest
word has, all combinations occur equally often (strength: Rao 1947), so that from three factors on no main effect
is mixed with another. What a point leaves out, other points train: over all of them every combination occurs
equally often.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SHORTEST_WORD = 3
"""Factors: with two, a main effect would be mixed with another."""
MOST_FACTORS = 8
"""The search for equations takes the power of their number."""

Coefficients = tuple[int, ...]


@dataclass(frozen=True)
class Equation:
    """The sum of coefficients times the numbers of values, modulo a prime."""

    prime: int
    coefficients: Coefficients
    """[F], 0 for a factor that takes no part."""

    def remainder(self, combination: Sequence[int]) -> int:
        """Return the remainder of a combination [F], the number of each factor's value."""
        return sum(c * x for c, x in zip(self.coefficients, combination, strict=True)) % self.prime


@dataclass(frozen=True)
class Fraction:
    """One part in `share` of all combinations, another one at each point."""

    levels: tuple[int, ...]
    """[F]: numbers of values of the factors."""
    equations: tuple[Equation, ...]

    @property
    def share(self) -> int:
        """Combinations there are for each one that trains at a point."""
        return math.prod(equation.prime for equation in self.equations)

    @cached_property
    def words(self) -> tuple[tuple[int, ...], ...]:
        """The factors, by number, of every equation that holds at a point, the shortest words first."""
        return tuple(sorted({_factors(each) for each in _span(self.equations)}, key=_by_length))

    def combinations(self, part: int) -> Iterator[tuple[int, ...]]:
        """Iterate over the combinations [F] of one of the `share` parts."""
        wanted = np.unravel_index(part, [equation.prime for equation in self.equations])
        for combination in itertools.product(*map(range, self.levels)):
            left = [equation.remainder(combination) for equation in self.equations]
            if left == [int(each) for each in wanted]:
                yield combination

    def part(self, point: int, seed: int) -> int:
        """Return which part trains at a point; every `share` points in a row have all of them.

        In random order: taken in turn, the parts would go with the digits of a Sobol' sequence, and so with
        what varies from point to point.
        """
        turn, place = divmod(point, self.share)
        return int(np.random.default_rng([seed, turn]).permutation(self.share)[place])


def find_fraction(levels: Sequence[int], share: int) -> Fraction | None:
    """Return a balanced fraction of one in `share` combinations; None where there is none.

    Of several, the one whose shortest word is longest. levels: [F], numbers of values of the factors.
    """
    if share < 2 or len(levels) > MOST_FACTORS:
        return None
    equations: list[Equation] = []
    for prime, count in _prime_factors(share):
        found = _equations(levels, prime, count)
        if found is None:
            return None
        equations += found
    return Fraction(tuple(levels), tuple(equations))


def possible_shares(levels: Sequence[int]) -> list[int]:
    """Return the shares of which there is a balanced fraction, in order."""
    total = math.prod(levels)
    divisors = [share for share in range(2, total // 2 + 1) if total % share == 0]
    return [share for share in divisors if find_fraction(levels, share) is not None]


def _equations(levels: Sequence[int], prime: int, count: int) -> list[Equation] | None:
    """Return so many independent equations modulo a prime whose shortest word is longest."""
    # A sum modulo a prime takes each remainder equally often only if a factor's values do.
    able = [index for index, level in enumerate(levels) if level % prime == 0]
    for shortest in range(len(able), SHORTEST_WORD - 1, -1):
        candidates = [
            Equation(prime, vector)
            for vector in _vectors(len(levels), able, prime)
            if sum(map(bool, vector)) >= shortest
        ]
        found = _extended([], candidates, count, shortest)
        if found is not None:
            return found
    return None


def _extended(
    chosen: list[Equation], candidates: list[Equation], left: int, shortest: int
) -> list[Equation] | None:
    """Return `chosen` with `left` more of the candidates, no word being too short."""
    if not left:
        return chosen
    for index, candidate in enumerate(candidates):
        made = [*chosen, candidate]
        words = [_factors(each) for each in _span(made)]
        independent = len(words) == candidate.prime ** len(made) - 1
        if independent and all(len(word) >= shortest for word in words):
            found = _extended(made, candidates[index + 1 :], left - 1, shortest)
            if found is not None:
                return found
    return None


def _vectors(factors: int, able: Sequence[int], prime: int) -> Iterator[Coefficients]:
    """Iterate over the coefficients [F] of all equations, each once: multiples say the same."""
    for values in itertools.product(range(prime), repeat=len(able)):
        first = next((value for value in values if value), 0)
        if first == 1:
            vector = [0] * factors
            for index, value in zip(able, values, strict=True):
                vector[index] = value
            yield tuple(vector)


def _span(equations: Sequence[Equation]) -> Iterator[tuple[Coefficients, ...]]:
    """Iterate over all that follows from the equations: their combinations, by prime, but for 0 = 0."""
    by_prime = {
        prime: [each.coefficients for each in equations if each.prime == prime]
        for prime in dict.fromkeys(each.prime for each in equations)
    }
    sums = [
        [
            tuple(np.dot(factors, vectors) % prime)
            for factors in itertools.product(range(prime), repeat=len(vectors))
        ]
        for prime, vectors in by_prime.items()
    ]
    for made in itertools.product(*sums):
        if any(map(any, made)):
            yield made


def _factors(made: tuple[Coefficients, ...]) -> tuple[int, ...]:
    return tuple(index for index, column in enumerate(zip(*made, strict=True)) if any(column))


def _by_length(word: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return len(word), word


def _prime_factors(number: int) -> list[tuple[int, int]]:
    """Return (prime, exponent) of a number."""
    found: list[tuple[int, int]] = []
    prime = 2
    while number > 1:
        count = 0
        while number % prime == 0:
            number, count = number // prime, count + 1
        if count:
            found.append((prime, count))
        prime += 1
    return found
