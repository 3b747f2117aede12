"""The ways across a process boundary: Triton, object storage, the file opener, the text service."""
