"""Documents drawn in characters: layouts of the world, read by the text side without a pixel.

``pages/`` holds a folder a set, written by people who know such documents and had not seen the program. ``holdout``
and ``holdout2`` are what generalisation is measured on: nobody looks at their failures. docs/evaluation-data.md
describes the form.
"""
