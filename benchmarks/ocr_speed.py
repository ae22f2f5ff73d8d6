"""How long reading the text in pictures takes beside ingesting them: ``python -m benchmarks.ocr_speed``."""

from __future__ import annotations

import argparse
import io
import statistics
import time

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ingest.ocr import read_picture
from ingest.sandbox import Sandbox

READ = "ingest.ocr:read_picture"
PIXELS = 10**8


def page(lines: int, width: int, height: int) -> bytes:
    """A white page with so many lines of five words."""
    image = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(24)
    for number in range(lines):
        draw.text((40, 30 + 40 * number), f"Line {number} of the old harbour", font=font, fill="black")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def photo() -> bytes:
    """A picture without text, as large as the encoder's."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (14, 14, 3), np.uint8)
    Image.fromarray(np.kron(noise, np.ones((16, 16, 1), np.uint8))).save(out, "JPEG")
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    pictures = {
        "photo of 224 x 224 without text": photo(),
        "page of 640 x 400 with 4 lines": page(4, 640, 400),
        "page of 1240 x 1754 with 40 lines": page(40, 1240, 1754),
    }
    with Sandbox(1) as sandbox:
        for name, data in pictures.items():
            for how in ("in process", "in the sandbox"):
                seconds = []
                for _ in range(rounds + 1):
                    started = time.perf_counter()
                    if how == "in process":
                        read_picture(data, PIXELS)
                    else:
                        sandbox.call(READ, data, PIXELS, deadline=600)
                    seconds.append(time.perf_counter() - started)
                print(f"{name}, {how}: {statistics.median(seconds[1:]):.2f} s (first {seconds[0]:.2f} s)")


if __name__ == "__main__":
    main()
