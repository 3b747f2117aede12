"""``python -m ocr_core.probe PORT``: exit status 0 where the service on this host is ready.

For a container's health check: the images carry no curl.
"""

from __future__ import annotations

import http.client
import sys

_TIMEOUT_S = 2.5


def is_ready(port: int) -> bool:
    """Whether ``/readyz`` answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
