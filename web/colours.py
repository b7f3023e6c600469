"""Takes a colour that an embedding site chose, gives the nearest one that can be read on our grounds."""

LIGHT_GROUND, DARK_GROUND = "fffdf8", "15171a"  # of embed.css
CONTRAST = 4.5  # of text (WCAG 2.2, 1.4.3)
STEPS = 50

_Rgb = tuple[int, int, int]
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours of six hex digits, from 1 to 21 (WCAG 2.2)."""
    lights = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def readable(colour: str, ground: str) -> str:
    """The colour itself, or mixed with as little black or white as makes it readable on that ground."""
    target = _BLACK if contrast(ground, "000000") > contrast(ground, "ffffff") else _WHITE
    mixed = (_hex(_mix(_rgb(colour), target, step / STEPS)) for step in range(STEPS + 1))
    return next(each for each in mixed if contrast(each, ground) >= CONTRAST)


def _mix(colour: _Rgb, target: _Rgb, share: float) -> _Rgb:
    red, green, blue = (round(own + (end - own) * share) for own, end in zip(colour, target, strict=True))
    return red, green, blue


def _luminance(colour: _Rgb) -> float:
    shares = (part / 255 for part in colour)
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> _Rgb:
    red, green, blue = bytes.fromhex(colour)
    return red, green, blue


def _hex(colour: _Rgb) -> str:
    return bytes(colour).hex()
