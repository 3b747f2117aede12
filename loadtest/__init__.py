"""Locust users for the sync API, with a corpus of documents to send; HTTP only."""
