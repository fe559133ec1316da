"""How views write bytes, times and ratios, so that text, picture and browser say the same."""

from __future__ import annotations


def format_bytes(count: float) -> str:
    """`count` bytes in decimal units, as drive and bus vendors count: 16_777_216 -> "16.8 MB"."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:.3g} {unit}"


def format_seconds(seconds: float) -> str:
    """`seconds` with three digits in the unit that fits: 0.00123 -> "1.23 ms"."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(seconds) >= 0.9995 * factor:
            return f"{_three_digits(seconds / factor)} {unit}"
    return f"{_three_digits(seconds * 1e9)} ns"


def format_rate(rate: float) -> str:
    """A rate with three digits and its prefix, before a unit: 1.23e9 -> "1.23 G"."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rate >= factor:
            return f"{rate / factor:.3g} {prefix}"
    return f"{rate:.3g} "


def format_ratio(ratio: float) -> str:
    """A speed-up as words: 14.2 -> "14.2× faster", 0.25 -> "4.0× slower"."""
    if 0.995 <= ratio <= 1.005:
        return "same"
    if ratio > 1:
        return f"{_two_digits(ratio)}× faster"
    return f"{_two_digits(1 / ratio)}× slower" if ratio > 0 else "slower"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def _two_digits(value: float) -> str:
    if value >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value < 9.95 or value % 1 else f"{value:.0f}"
