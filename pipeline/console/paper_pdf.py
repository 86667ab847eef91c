"""Packing slips and the pick list as PDF, made in memory.

The fonts have Latin, Greek, Cyrillic and Japanese letters. Of other scripts, such as Arabic,
Hebrew, Thai, Korean, or Chinese beyond what Japanese shares, the file has boxes; a browser prints
them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import cast

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from pipeline.console.languages import gettext as _
from pipeline.console.languages import ngettext
from pipeline.operations.lists.packing import Packing
from pipeline.orders.channel_order import Address
from pipeline.orders.tables import Order

_FONTS = {"sans": "NotoSans-Regular.ttf", "japanese": "NotoSansJP-Regular.ttf"}
_BOX = "□"
_GAP = 4
"""Between two cells, in mm."""
# They name the letters of an address that a font lacks.
for _name in ("fpdf", "fontTools"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Paper:
    """A4, with the two fonts; the second is read only for a file that needs it."""

    def __init__(self, title: str, now: datetime) -> None:
        self.pdf = FPDF(format="A4")
        self.pdf.set_title(title)
        self.pdf.set_creation_date(now)
        self.pdf.set_margins(18, 18, 18)
        self.pdf.set_auto_page_break(auto=True, margin=18)
        self.pdf.add_font("sans", fname=_path("sans"))
        self.has_boxes = False

    def page(self) -> None:
        """Begin a page."""
        self.pdf.add_page()
        self.has_boxes = False

    def line(self, text: str, points: float = 10, below: float = 0) -> None:
        """A paragraph over the whole width; `below` is the space after it, in mm."""
        self.pdf.set_font("sans", size=points)
        self.pdf.multi_cell(
            0,
            points * 0.55,
            self._printable(text),
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        self.pdf.ln(below)

    def row(self, *cells: str, widths: Sequence[float], points: float = 10) -> None:
        """Cells above a thin line, each with its width in mm; the first holds a number."""
        pdf = self.pdf
        pdf.set_font("sans", size=points)
        texts = [self._printable(text) for text in cells]
        counts = [
            cast("list[str]", pdf.multi_cell(width - _GAP, 5.5, text, dry_run=True, output="LINES"))
            for text, width in zip(texts, widths, strict=True)
        ]
        height = 5.5 * max(map(len, counts))
        if pdf.will_page_break(height + 3):
            pdf.add_page()
        left, top = pdf.l_margin, pdf.get_y() + 1.5
        for place, (text, width) in enumerate(zip(texts, widths, strict=True)):
            pdf.set_xy(left, top)
            pdf.multi_cell(width - _GAP, 5.5, text, align="L" if place else "R")
            left += width
        pdf.set_xy(pdf.l_margin, top + height + 1.5)
        pdf.set_draw_color(190)
        pdf.line(pdf.l_margin, pdf.get_y(), pdf.w - pdf.r_margin, pdf.get_y())

    def content(self) -> bytes:
        """The file."""
        return bytes(self.pdf.output())

    def _printable(self, text: str) -> str:
        """The text with a box for each letter that no font has."""
        known = self._letters("sans")
        if known.issuperset(map(ord, text)):
            return text
        if "japanese" not in self.pdf.fonts:
            self.pdf.add_font("japanese", fname=_path("japanese"))
            self.pdf.set_fallback_fonts(["japanese"])
        known = known | self._letters("japanese")
        printable = "".join(sign if ord(sign) in known else _BOX for sign in text)
        self.has_boxes = self.has_boxes or printable != text
        return printable

    def _letters(self, font: str) -> frozenset[int]:
        return frozenset(cast(TTFFont, self.pdf.fonts[font]).cmap) | {ord("\n")}


def slips_pdf(packing: Packing, addresses: Mapping[int, Address], now: datetime) -> bytes:
    """A packing slip for each order with an address, each on a page of its own."""
    paper, widths = Paper(_("Packing slips"), now), (18, 156)
    for order in packing.orders:
        if order.id not in addresses:
            continue
        paper.page()
        for line in address_lines(addresses[order.id]):
            paper.line(line, 12)
        paper.line("", below=8)
        paper.line(_("Packing slip"), 16)
        paper.line(_("Order %(number)s") % {"number": order.external_id})
        if order.magento_increment_id:
            paper.line(_("In the shop: %(number)s") % {"number": order.magento_increment_id})
        paper.line("", below=2)
        paper.row(_("Units"), _("SKU and title"), widths=widths, points=8)
        for item, units in packing.lines(order):
            paper.row(str(units), f"{item.sku}\n{item.title}", widths=widths)
        if paper.has_boxes:
            paper.line("", below=2)
            paper.line(_("A box stands for a letter that this file lacks: print it as a page."), 8)
    return paper.content()


def pick_list_pdf(packing: Packing, now: datetime) -> bytes:
    """The SKUs of all these orders, with their units and orders."""
    paper, widths = Paper(_("Pick list"), now), (18, 86, 70)
    paper.page()
    paper.line(_("Pick list"), 16)
    number = len(packing.orders)
    paper.line(ngettext("%(num)s order", "%(num)s orders", number) % {"num": number}, below=3)
    paper.row(_("Units"), _("SKU and title"), _("Orders"), widths=widths, points=8)
    for picked in packing.picked:
        orders = ", ".join(_with_units(order, units) for order, units in picked.orders)
        paper.row(str(picked.units), f"{picked.sku}\n{picked.title}", orders, widths=widths)
    return paper.content()


def address_lines(address: Address) -> list[str]:
    """An address as it stands on a parcel; no telephone number."""
    city = " ".join(filter(None, (address.postcode, address.city)))
    lines = (
        *(address.name, address.company, *address.lines, address.district),
        *(city, address.region, address.country),
    )
    return [line for line in lines if line]


def _with_units(order: Order, units: int) -> str:
    return f"{order.external_id} × {units}" if units > 1 else order.external_id


def _path(font: str) -> str:
    return str(files("pipeline.console") / "fonts" / _FONTS[font])
