"""Accuracy and speed, measured by commands: our API, its limit, and its peer on the same pages."""
