"""Bytes to page pixels, away from everything else: the only place where a stranger's file is parsed."""
