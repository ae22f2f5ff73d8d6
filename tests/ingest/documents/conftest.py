"""Small documents, made by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rag.types import Pixels


def png(seed: int = 0, width: int = 120, height: int = 100) -> bytes:
    """A picture large enough to be a figure, another one for each seed."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    Image.fromarray(np.kron(pixels, np.ones((10, 10, 1), np.uint8))).save(out, "PNG")
    return out.getvalue()


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def pdf(pages: Sequence[str], *, title: str = "", rotate: int = 0) -> bytes:
    """A PDF of pages of 600 × 800 points; each is a content stream with the font /F1 and the picture /I1."""
    objects = ["", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    stream = "ff0000 00ff00 0000ff ffff00>".replace(" ", "")
    objects.append(
        "<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        f"/Filter /ASCIIHexDecode /Length {len(stream)} >>\nstream\n{stream}\nendstream"
    )
    objects.append(f"<< /Title ({title}) >>")
    kids = []
    for content in pages:
        objects.append(f"<< /Length {len(content.encode('latin-1'))} >>\nstream\n{content}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent {len(pages) * 2 + 5} 0 R /MediaBox [0 0 600 800] /Rotate {rotate} "
            f"/Contents {len(objects)} 0 R /Resources << /Font << /F1 2 0 R >> /XObject << /I1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects.append(f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(pages)} >>")
    objects[0] = f"<< /Type /Catalog /Pages {len(objects)} 0 R >>"
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{start}\n%%EOF"
    return out + trailer.encode()


def at(x: float, y: float, text: str, size: float = 12) -> str:
    """A line of text in a content stream."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def image_at(x: float, y: float, width: float, height: float) -> str:
    return f"q {width} 0 0 {height} {x} {y} cm /I1 Do Q\n"


def strokes(x: float, y: float, width: float, height: float, count: int = 12) -> str:
    """A drawing of slanting lines."""
    lines = (
        f"{x} {y + height * n / count} m {x + width} {y + height * (count - n) / count} l S\n"
        for n in range(count)
    )
    return "".join(lines)


RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(targets: Mapping[str, str], external: Sequence[str] = ()) -> str:
    modes = dict.fromkeys(external, ' TargetMode="External"')
    each = "".join(
        f'<Relationship Id="{key}" Target="{target}"{modes.get(key, "")}/>' for key, target in targets.items()
    )
    return f'<Relationships xmlns="{RELATIONS}">{each}</Relationships>'


def docx(body: str, media: Mapping[str, bytes] | None = None) -> bytes:
    """A Word file; picture number n of ``media`` has the relation ``rIdn``."""
    pictures = media or {}
    styles = "".join(
        f'<w:style w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in (("H1", "heading 1"), ("H2", "heading 2"), ("Cap", "caption"))
    )
    space = f'xmlns:w="urn:w" xmlns:a="urn:a" xmlns:r="{OFFICE}"'
    about = '<c xmlns:dc="urn:dc"><dc:title>The report</dc:title><dc:creator>Ana</dc:creator></c>'
    return zipped(
        {
            "word/document.xml": f"<w:document {space}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {space}>{styles}</w:styles>",
            "word/_rels/document.xml.rels": relations(
                {f"rId{n}": f"media/{name}" for n, name in enumerate(pictures, start=1)}
            ),
            "docProps/core.xml": about,
            **{f"word/media/{name}": data for name, data in pictures.items()},
        }
    )


def paragraph(text: str, style: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'


def drawing(relation: str, alt: str = "") -> str:
    return (
        f'<w:p><w:r><w:drawing><docPr descr="{alt}"/><a:blip r:embed="{relation}"/></w:drawing></w:r></w:p>'
    )


def written(*lines: str) -> Pixels:
    """A white picture with lines of text."""
    image = Image.new("RGB", (640, 60 + 80 * len(lines)), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(36)
    for number, line in enumerate(lines):
        draw.text((40, 30 + 80 * number), line, font=font, fill="black")
    return np.asarray(image)


def saved(pixels: Pixels, kind: str = "PNG") -> bytes:
    """As a file; as a PDF it is a scanned page."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()
