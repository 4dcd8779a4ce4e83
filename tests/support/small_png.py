"""Makes PNG pictures of pages a third as large: 256 colours in place of 16 million.

PNG: https://www.w3.org/TR/png-3/. Standard library only; a picture takes about 2 s.
"""

import struct
import zlib
from collections import Counter

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256
CHANNELS = {2: 3, 6: 4}  # of the colour types RGB and RGBA


def shrink(png: bytes) -> bytes:
    """The picture with a palette of its most frequent colours; others become the nearest one."""
    width, height, kind, data = _read(png)
    channels = CHANNELS[kind]
    rows = list(_rows(zlib.decompress(data), width * channels, height, channels))
    colours = [
        list(zip(row[::channels], row[1::channels], row[2::channels], strict=True)) for row in rows
    ]
    counts = Counter(colour for row in colours for colour in row)
    palette = [colour for colour, _ in counts.most_common(COLOURS)]
    index = {colour: number for number, colour in enumerate(palette)}
    for colour in counts:
        if colour not in index:
            index[colour] = min(range(len(palette)), key=lambda n: _distance(palette[n], colour))
    body = b"".join(b"\x00" + bytes(index[colour] for colour in row) for row in colours)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    flat = bytes(value for colour in palette for value in colour)
    parts = ((b"IHDR", header), (b"PLTE", flat), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(name, content):
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def _read(png):
    """Width, height, colour type and compressed data of a picture with 8 bits a channel."""
    place, data = len(SIGNATURE), b""
    while place < len(png):
        (length,), name = struct.unpack(">I", png[place : place + 4]), png[place + 4 : place + 8]
        content = png[place + 8 : place + 8 + length]
        if name == b"IHDR":
            width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", content)
            assert (depth, interlaced) == (8, 0)
        elif name == b"IDAT":
            data += content
        place += length + 12
    return width, height, kind, data


def _rows(raw, stride, height, step):
    """The rows, without their filters (PNG, section 9)."""
    above = bytes(stride)
    for number in range(height):
        start = number * (stride + 1)
        row = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], row, above, step)
        yield bytes(row)
        above = row


def _unfilter(kind, row, above, step):
    if kind == 1:
        for i in range(step, len(row)):
            row[i] = (row[i] + row[i - step]) & 255
    elif kind == 2:
        for i, up in enumerate(above):
            row[i] = (row[i] + up) & 255
    elif kind == 3:
        for i, up in enumerate(above):
            left = row[i - step] if i >= step else 0
            row[i] = (row[i] + (left + up) // 2) & 255
    elif kind == 4:
        for i, up in enumerate(above):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            row[i] = (row[i] + _paeth(left, up, corner)) & 255


def _paeth(left, up, corner):
    guess = left + up - corner
    far = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return (left, up, corner)[far.index(min(far))]
