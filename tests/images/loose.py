"""The images that the compose file does not start: the model repository of clusters, and the function on AWS Lambda."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import uuid
from pathlib import Path

from evaluation.datasets import SAMPLES_DIR
from local_stack.aws import AwsConfig, AwsServer
from local_stack.triton import REPOSITORY_ROOT
from ocr_core.contracts.page import PageImage
from tests.images.building import LAMBDA, MODELS
from tests.images.house import STORAGE_PORT
from tests.images.walk import Check, Visit, Wrong
from tests.support.lambda_openers import exchange_bucket, opener_over
from tests.support.lambda_runtime import LambdaService
from tests.support.openers import read

_LOCKED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_PATIENCE_S = 60.0
_LEFT_OUT = {"model.onnx", ".prepared.json"}


def models_are_copied(visit: Visit) -> str:
    """The image of models gives a pod all that Triton and the text side serve from."""
    repository = REPOSITORY_ROOT / "model_repository"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        # As the init container of deploy/kubernetes/base/triton.yaml.
        command = ["cp", "--recursive", "/models/.", "/repository/"]
        mount = ["--volume", f"{folder}:/repository", "--network", "none"]
        visit.house.machine.podman("run", "--rm", *_LOCKED, *mount, f"docker.io/{MODELS}", *command)
        copied = _digests(Path(folder))
    served = {
        path: digest
        for path, digest in _digests(repository).items()
        if path.split("/")[0] in {"text_detection", "text_recognition", ".tuned.json"}
        and Path(path).name not in _LEFT_OUT
        and "__pycache__" not in path
    }
    if copied != served:
        raise Wrong(f"differs in {sorted(set(copied.items()) ^ set(served.items()))}")
    return f"{len(copied)} files, byte for byte"


def function_opens(visit: Visit) -> str:
    """The function's image opens a document, on a double of AWS's runtime interface."""
    return asyncio.run(_open_in_function(visit))


async def _open_in_function(visit: Visit) -> str:
    machine, name = visit.house.machine, f"yomitori-function-{uuid.uuid4().hex[:8]}"
    given = ["AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    command = [
        *("env", *(f"{key}={value}" for key, value in machine.environment().items() if key.startswith("CONTAINERS_"))),
        *("podman", "run", "--rm", "--name", name, "--network", "host", *_LOCKED),
        *(word for variable in given for word in ("--env", variable)),
        f"docker.io/{LAMBDA}",
    ]
    # Reached as one of our own, which it is; it is not started here.
    server = AwsServer(AwsConfig(port=STORAGE_PORT, data_dir=machine.folder))
    log = machine.folder / "function.log"
    content = (SAMPLES_DIR / "invoice_ja.pdf").read_bytes()
    try:
        with LambdaService("", folder=machine.folder, log=log, command=command) as service:
            async with exchange_bucket(server) as store, opener_over(server, store, service.url) as opener:
                pages = await read(opener, content, timeout_s=_PATIENCE_S)
    finally:
        machine.podman("rm", "--force", "--time", "1", name, allow_failure=True)
    if not all(isinstance(page, PageImage) for page in pages):
        raise Wrong(f"pages were {pages}; {log.read_text()[-1000:]}")
    return f"{len(pages)} page of {SAMPLES_DIR.name}/invoice_ja.pdf"


CHECKS: tuple[Check, ...] = (models_are_copied, function_opens)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
