"""What crosses a process boundary, and the ways across. No OCR algorithm lives here."""
