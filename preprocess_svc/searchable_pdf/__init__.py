"""The searchable PDF: page images with the text that was read, invisible, in its place over the print.

::

    pixels ─► encoded_page ─► held_images (sync) | image_pack (bulk) ─┐
                                                                     ├─► document ─► pdf_file
    text side ─► PlacedPage ─► text_operators, glyphs ───────────────┘

Nothing of the file that was read comes through but its pixels, compressed anew, and its name. Written by our own hand
because no library does what is needed: ReportLab and pikepdf keep the whole document in memory until it is saved, and
neither gives an invisible font whose characters are as wide as their print (docs/adr/0011).
"""

from preprocess_svc.searchable_pdf.document import SearchablePdf
from preprocess_svc.searchable_pdf.encoded_page import EncodedPage, PixelCoding, encode_page

__all__ = ["EncodedPage", "PixelCoding", "SearchablePdf", "encode_page"]
