"""The templates for AWS: cfn-lint finds nothing, and they agree with the image and with what the function may do."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudformation import template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "deploy" / "aws").glob("*.yaml"))
DOCKERFILE = ROOT / "lambda_file_open" / "Dockerfile.lambda"

_LIST_MODULES = """
import sys, lambda_file_open.lambda_handler, lambda_file_open.pool, awslambdaric.bootstrap
print("\\n".join(name for name in sys.modules if "." not in name))
"""


@pytest.fixture(scope="module")
def opener() -> dict[str, Any]:
    return template("file_opener.yaml")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(template: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--", str(template)]
    # Away from any configuration of the user's, and without AWS: it brings its own schemas.
    answer = subprocess.run(command, cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, check=False)
    assert json.loads(answer.stdout or b"[]") == []
    assert answer.returncode == 0, answer.stderr


def test_the_functions_role_may_write_its_log_and_nothing_else(opener: dict[str, Any]) -> None:
    role = opener["Resources"]["FunctionRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    allowed, denied = policy["PolicyDocument"]["Statement"]
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert allowed["Action"] == denied["NotAction"]
    assert all(action.startswith("logs:") for action in allowed["Action"])
    function = opener["Resources"]["Function"]["Properties"]
    assert function["Role"] == {"GetAtt": "FunctionRole.Arn"}
    assert not {"VpcConfig", "Environment", "Events", "FunctionUrlConfig", "Policies"} & set(function)


def test_callers_may_do_no_more_than_the_opener_does(opener: dict[str, Any]) -> None:
    policy = opener["Resources"]["CallersPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    actions: set[str] = set()
    for statement in policy:
        action = statement["Action"]
        actions |= {action} if isinstance(action, str) else set(action)
    assert actions == {"lambda:InvokeFunction", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    assert all(statement["Resource"] != "*" for statement in policy)


def test_the_bucket_forgets_is_private_and_speaks_tls_only(opener: dict[str, Any]) -> None:
    bucket = opener["Resources"]["Exchange"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    denials = opener["Resources"]["ExchangePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {statement["Effect"] for statement in denials} == {"Deny"}
    assert any("aws:SecureTransport" in json.dumps(statement["Condition"]) for statement in denials)


def test_the_image_runs_a_handler_that_is_there() -> None:
    dockerfile = DOCKERFILE.read_text()
    command = re.search(r'^CMD \["([\w.]+)\.(\w+)"\]$', dockerfile, flags=re.MULTILINE)
    assert command is not None
    module = ROOT / (command[1].replace(".", "/") + ".py")
    names = {
        target.id
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert command[2] in names
    assert '"-m", "awslambdaric"' in dockerfile


def test_the_image_is_made_like_the_openers_other_one() -> None:
    ours, other = DOCKERFILE.read_text(), (ROOT / "lambda_file_open" / "Dockerfile").read_text()
    for pattern in (r"^FROM .*$", r"^\s+fonts-.*$", r"^USER .*$", r"^COPY \w+ \w+$"):
        assert re.findall(pattern, ours, flags=re.MULTILINE) == re.findall(pattern, other, flags=re.MULTILINE)
    assert re.search(r"^FROM python:[0-9]+\.[0-9]+\.[0-9]+-", ours, flags=re.MULTILINE)


def test_the_image_installs_what_the_function_imports_and_knows_no_aws_library() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", _LIST_MODULES], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    by_module = packages_distributions()
    modules = [module for module in listed if module not in sys.stdlib_module_names]
    imported = {re.sub(r"[-_.]+", "-", name).lower() for module in modules for name in by_module.get(module, [])}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "lambda.lock").read_text(), flags=re.M))
    assert "requirements/lambda.lock" in DOCKERFILE.read_text()
    assert imported - {"yomitori", "setuptools"} <= locked
    assert {"awslambdaric", "numpy", "pillow", "pypdfium2", "pi-heif"} <= imported
    assert not {"boto3", "botocore", "urllib3", "httpx"} & locked
