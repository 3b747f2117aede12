"""How right the answers are, over labelled documents: ``python -m evaluation.accuracy``.

``through.py`` reads the documents (through the running API, or in process from kept readings), ``judged.py`` puts
answers beside labels, ``figures.py`` adds up, ``targets.py`` says what was to be reached, ``failures.py`` what went
wrong where, ``tables.py`` prints, ``comparison.py`` holds a run against an older one, ``report/`` shows it all.
"""
