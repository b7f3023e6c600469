"""The outlets' pictures: hills under a sky in a town's colours, with its initial; drawn, so that none is borrowed."""

import struct
import zlib
from colorsys import hls_to_rgb
from functools import lru_cache
from math import sin
from unicodedata import normalize

CONTENT_TYPE = "image/png"
WIDTH, HEIGHT = 640, 360
LETTER_SCALE = 10  # pixels for one dot of a letter
SKY_SHADES = 200

# Seven rows of five dots for each letter, as hexadecimal numbers.
LETTERS = {
    "A": "0e11111f111111",
    "B": "1e11111e11111e",
    "C": "0e11101010110e",
    "D": "1e11111111111e",
    "E": "1f10101e10101f",
    "F": "1f10101e101010",
    "G": "0e11101711110f",
    "H": "1111111f111111",
    "I": "0e04040404040e",
    "J": "0702020202120c",
    "K": "11121418141211",
    "L": "1010101010101f",
    "M": "111b1515111111",
    "N": "11111915131111",
    "O": "0e11111111110e",
    "P": "1e11111e101010",
    "Q": "0e11111115120d",
    "R": "1e11111e141211",
    "S": "0f10100e01011e",
    "T": "1f040404040404",
    "U": "1111111111110e",
    "V": "11111111110a04",
    "W": "1111111515150a",
    "X": "11110a040a1111",
    "Y": "1111110a040404",
    "Z": "1f01020408101f",
}


@lru_cache(maxsize=256)
def draw(town: str, number: str) -> bytes:
    """A PNG; the same town and number give the same bytes. Without a town there is no letter."""
    seed = int(number)
    far = [int(215 + 28 * sin(x / 95 + seed) + 9 * sin(x / 31 + seed * 2)) for x in range(WIDTH)]
    near = [int(275 + 22 * sin(x / 140 + seed * 3) + 7 * sin(x / 47 + seed)) for x in range(WIDTH)]
    rows = [_row(y, far, near) for y in range(HEIGHT)]
    _write(rows, normalize("NFD", town)[:1].upper())
    return _png(_palette(seed), rows)


def _row(y: int, far: list[int], near: list[int]) -> bytearray:
    sky = y * SKY_SHADES // HEIGHT
    return bytearray(
        SKY_SHADES + 1 if y >= front else SKY_SHADES if y >= back else sky
        for back, front in zip(far, near, strict=True)
    )


def _write(rows: list[bytearray], letter: str) -> None:
    dots = bytes.fromhex(LETTERS.get(letter, ""))
    for down, bits in enumerate(dots):
        for across in range(5):
            if bits >> (4 - across) & 1:
                left, top = 40 + across * LETTER_SCALE, 40 + down * LETTER_SCALE
                for row in rows[top : top + LETTER_SCALE]:
                    row[left : left + LETTER_SCALE] = bytes([SKY_SHADES + 2]) * LETTER_SCALE


def _palette(seed: int) -> bytes:
    """The sky from top to bottom, the far hills, the near hills, the letter."""
    hue = seed * 0.618 % 1
    sky = [(hue, 0.55 + 0.35 * step / SKY_SHADES, 0.4) for step in range(SKY_SHADES)]
    colours = [*sky, (hue, 0.42, 0.25), (hue, 0.3, 0.3), (hue, 0.97, 0.3)]
    return bytes(int(255 * part) for colour in colours for part in hls_to_rgb(*colour))


def _png(palette: bytes, rows: list[bytearray]) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)  # 8 bits a pixel, by palette
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
