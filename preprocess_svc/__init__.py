"""Pixels: the public sync API, and the pipeline from a document's bytes to a `Reading`."""
