"""Text: the pipeline from a `Reading` to lines in order, fields, and a result written down."""
