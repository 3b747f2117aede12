"""``python -m async_worker ROLE [ROLE …]`` runs roles of the bulk road in one process.

``python -m async_worker keys …`` and ``… tenants …`` administer who may call it.
"""

import sys

from async_worker.administration_command import COMMANDS
from async_worker.administration_command import main as administer
from async_worker.main import main
from ocr_core.service import run_main

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        administer(sys.argv[1:])
    run_main(main)
