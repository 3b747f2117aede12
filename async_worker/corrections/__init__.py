"""What people put right in stored documents: checked against what was read, written down, shown beside it.

A correction's path is a field (``total_amount``), a whole list (``bank_accounts``) or a member of an entry of a list
(``bank_accounts.0.number``). The field's type, as its schema has it, says what the value may be.
"""

from async_worker.corrections.applying import corrected_answers
from async_worker.corrections.checking import Asked, CorrectionDesk

__all__ = ["Asked", "CorrectionDesk", "corrected_answers"]
