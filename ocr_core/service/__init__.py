"""The parts that every HTTP service shares: request ids, problems, health, metrics, and how it is served."""

from ocr_core.service.access import caller_of
from ocr_core.service.app import create_app
from ocr_core.service.context import RequestContext, context_of
from ocr_core.service.declarations import needs, open_to_all
from ocr_core.service.health import Readiness
from ocr_core.service.openapi import problem_responses
from ocr_core.service.problems import problem_response
from ocr_core.service.serve import run_main, serve

__all__ = [
    "Readiness",
    "RequestContext",
    "caller_of",
    "context_of",
    "create_app",
    "needs",
    "open_to_all",
    "problem_response",
    "problem_responses",
    "run_main",
    "serve",
]
