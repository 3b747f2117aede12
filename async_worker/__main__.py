"""``python -m async_worker ROLE [ROLE …]`` runs roles of the bulk road in one process."""

from async_worker.main import main
from ocr_core.service import run_main

if __name__ == "__main__":
    run_main(main)
