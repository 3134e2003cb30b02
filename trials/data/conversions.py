"""Conversions that every picture gets that needs them, without being asked.

A note lists them, and they are part of what a score depends on.
"""

from __future__ import annotations

from collections import Counter

from PIL import ExifTags, Image

TURNED = "turned upright as EXIF says"
ON_WHITE = "transparency laid on white"
SCALED = "16 bits divided by 257"
CUT = "16 bits a channel cut to 8"
FIRST_FRAME = "the first of several frames"
PLAIN_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX")
"""Modes that become RGB or grey without a guess at colours. Those of 16 bits are called I;16..."""
UPRIGHT = 1


def conversions_of(picture: Image.Image) -> tuple[str, ...]:
    """Return what trials/data/pictures.py will do to a picture beside what its options ask for."""
    deep = picture.mode.startswith("I;16")
    # Pillow has no such mode, and keeps the upper half of each channel; reading EXIF empties `tile`.
    cut = not deep and any(";16" in str(part) for part in getattr(picture, "tile", ()))
    found = {
        TURNED: picture.getexif().get(ExifTags.Base.Orientation, UPRIGHT) in range(2, 9),
        ON_WHITE: _is_seen_through(picture),
        SCALED: deep,
        CUT: cut,
        FIRST_FRAME: bool(getattr(picture, "is_animated", False)),
        f"{picture.mode} made RGB": not deep and picture.mode not in PLAIN_MODES,
    }
    return tuple(what for what, done in found.items() if done)


def _is_seen_through(picture: Image.Image) -> bool:
    """Return whether some pixel is not opaque: an alpha channel that is full changes nothing."""
    if not picture.has_transparency_data:
        return False
    lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
    return isinstance(lowest, int) and lowest < 255


def conversion_note(done: Counter[str], num: int) -> tuple[str, ...]:
    """Return one remark on what was done to how many of `num` pictures; none if nothing was."""
    if not done:
        return ()
    listed = ", ".join(f"{what} ({count} of {num})" for what, count in sorted(done.items()))
    return (f"done to pictures without being asked: {listed}",)
