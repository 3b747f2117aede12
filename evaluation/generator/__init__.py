"""Made-up invoices and receipts with labels: ``python -m evaluation.generator``.

A document is drawn in three steps, each from the one seed: its content (``content.py``: parties, items, sums that
add up), its wordings and forms of printing (``printout.py``), its layout (``layouts.py``, ``templates/``). The
browser prints many documents in one run (``printing.py``); values stand in links, and where the links lie in the PDF
is where the values are printed (``evidence.py``). ``damage/`` makes scans, faxes and photos of the pages and moves
the evidence along. A field is labelled where its link is found on the page, and null where it is not: labels say what
is printed.

The splits (train, develop, test) share no layout, no wording, no name and no font; see ``docs/evaluation-data.md``.
"""
