"""``python -m postprocess_svc``: the text side."""

from ocr_core.service import run_main
from postprocess_svc.main import main

if __name__ == "__main__":
    run_main(main)
