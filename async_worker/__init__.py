"""The bulk road: jobs of many documents, over an HTTP API of their own and through an intake queue.

``python -m async_worker ROLE [ROLE …]`` runs one role or several (``roles``). All they share is the job database, the
queues and object storage, so any number of each may run; ARCHITECTURE.md tells how a document walks through them.
"""
