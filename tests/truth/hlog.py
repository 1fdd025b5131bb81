"""Reads HdrHistogram interval logs (V2, deflate) with the standard library alone."""

import base64
import math
import struct
import zlib
from collections import Counter


def histogram(text):
    """Counts by value in microseconds; of a bucket its middle."""
    raw = zlib.decompress(base64.b64decode(text)[8:])
    _, length, _, digits, lowest, _, _ = struct.unpack(">iiiiqqd", raw[:40])
    half = 1 << (math.ceil(math.log2(2 * 10**digits)) - 1)
    shift, unit = half.bit_length() - 1, int(math.log2(max(1, lowest)))
    found, at, index = Counter(), 40, 0
    while at < 40 + length:
        value = move = 0
        while True:
            byte = raw[at]
            at += 1
            # The ninth byte is whole; the eight before have seven bits each.
            value |= (byte if move == 56 else byte & 0x7F) << move
            move += 7
            if move > 56 or not byte & 0x80:
                break
        count = (value >> 1) ^ -(value & 1)
        if count < 0:
            index -= count
            continue
        if count:
            bucket = (index >> shift) - 1
            low = (index & (half - 1)) + half if bucket >= 0 else index
            size = 1 << (max(0, bucket) + unit)
            found[low * size + (size - 1) / 2] += count
        index += 1
    return found


def read(path):
    """Per tag the counts of the whole log."""
    tags = {}
    for line in path.read_text().splitlines():
        if line.startswith("Tag="):
            tag, *_, text = line.split(",")
            tags.setdefault(tag[4:], Counter()).update(histogram(text))
    return tags
