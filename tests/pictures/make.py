"""Makes the pictures of these tests and Pillow's resized bytes. usage: make.py   (needs pillow and numpy)"""
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

here = pathlib.Path(__file__).parent


def pattern(width, height, channels):
    """The same formula as in src/picture/resize.rs."""
    i = np.arange(width * height * channels)
    x = ((i * 73 + i // 5 * 151 + i * i % 97) % 256).astype("u1").reshape(height, width, channels)
    return x[..., 0] if channels == 1 else x


rgb = pattern(7, 5, 3)
grey = pattern(7, 5, 1)
alpha = pattern(7, 5, 1)[..., None]
Image.fromarray(rgb).save(here / "rgb.png")
Image.fromarray(rgb).save(here / "rgb.ppm")
Image.fromarray(np.concatenate([rgb, alpha], 2)).save(here / "rgba.png")
Image.fromarray(rgb).quantize(35).save(here / "palette.png")
Image.fromarray(grey).save(here / "grey.png")
Image.fromarray(grey).save(here / "grey.pgm")
Image.fromarray(np.concatenate([grey[..., None], alpha], 2), "LA").save(here / "grey-alpha.png")
Image.fromarray(grey.astype("u2") * 256 + 37).save(here / "grey16.png")

y, x = np.mgrid[0:16, 0:24]
smooth = np.stack([x * 10, y * 15, 255 - x * 5 - y * 6], 2).astype("u1")
Image.fromarray(smooth).save(here / "colour.jpg", quality=90)
Image.fromarray(smooth).save(here / "progressive.jpg", quality=90, progressive=True)
Image.fromarray(smooth[..., 0]).save(here / "grey.jpg", quality=90)

cases = [(9, 7, 3, 4, 3), (9, 7, 3, 13, 16), (100, 83, 3, 32, 32), (5, 5, 1, 5, 5), (64, 1, 1, 3, 2)]
resized = b""
for width, height, channels, to_width, to_height in cases:
    picture = Image.fromarray(pattern(width, height, channels))
    resized += np.asarray(picture.resize((to_width, to_height), Image.Resampling.BILINEAR)).tobytes()
(here / "resized.bin").write_bytes(resized)

# Pillow writes neither 16-bit colour nor interlaced PNG: by hand.

def png(path, depth, interlace, data):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 7, 5, depth, 2, 0, 0, interlace)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def rows(x):
    return b"".join(b"\0" + row.tobytes() for row in x)


png(here / "rgb16.png", 16, 0, rows((rgb.astype("u2") * 256 + 99).astype(">u2")))
passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
parts = [rgb[y::dy, x::dx] for y, dy, x, dx in passes]
png(here / "interlaced.png", 8, 1, b"".join(rows(part) for part in parts if part.size))
