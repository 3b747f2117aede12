"""Python client of the Yomitori document-reading server."""
