"""What AWS Lambda imports: ``python -m awslambdaric lambda_file_open.lambda_function.handler``.

Importing it starts the pool, while Lambda gives a function that starts more processor than one that works.
"""

from lambda_file_open.lambda_handler import make_handler

handler = make_handler()
