"""Field families: one module a family of fields, found by its ``FAMILY = …``; modules without one help the others.

To add a family, copy the shape of ``phones.py``: a ``FieldFamily`` that proposes candidates, and ``FAMILY``.
"""
