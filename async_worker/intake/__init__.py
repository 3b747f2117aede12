"""Jobs from the intake queue: producers' messages, and buckets' own notifications."""

from async_worker.intake.role import Intake

__all__ = ["Intake"]
