"""Speed side by side in one run: both of our roads, the bare models, and the peers (``make bench``).

::

    pages.py ──► programme.py ──► figures.py ──► report.py
                   │  drives
                   ├── services.py         our sync API and our bulk road, on one local stack
                   ├── bare.py             the bare models: the limit
                   ├── rapidocr_peer.py    RapidOCR in processes of its own, and the search for its best settings
                   ├── rapidocr_server.py  RapidOCR behind ``rapidocr_api``
                   └── tesseract.py        Tesseract's command line

Each of them is a ``contender.Contender``. ``load.py`` keeps several callers busy for a while, ``turns.py`` says in
which order contenders take their turns.
"""
