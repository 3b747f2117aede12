"""``python -m preprocess_svc``: the pixel side."""

from ocr_core.service import run_main
from preprocess_svc.main import main

if __name__ == "__main__":
    run_main(main)
