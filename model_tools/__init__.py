"""Makes Triton's model repository: prepared models for CPU and GPU, their charset, and the gates they must pass.

Runs in Triton's own environment (``.venv-triton``) and inside model processes, so it imports nothing of the house
but ``ocr_core.contracts``.
"""
