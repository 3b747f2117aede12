"""Tables: from a page's lines and ruling lines to rows and cells. ``find_tables`` is the front door.

Before it, and before the reading order, ``split_at_rulings`` mends lines that run through a ruling.
"""

from postprocess_svc.tables.find import find_tables
from postprocess_svc.tables.splitting import split_at_rulings
from postprocess_svc.tables.table import TextCell, TextTable

__all__ = ["TextCell", "TextTable", "find_tables", "split_at_rulings"]
