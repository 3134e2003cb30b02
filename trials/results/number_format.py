"""How a score, a setting or an effect is written wherever people read it."""


def three_digits(value: float, sign: str = "") -> str:
    """Format with three digits; thousands in full (1432), not as a power of ten.

    sign: "+" for one that is always shown.
    """
    return f"{value:{sign}.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:{sign}.3g}"
