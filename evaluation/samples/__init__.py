"""Made-up documents that come with the project: HTML sources, the PDFs printed from them, and the truth of each."""
