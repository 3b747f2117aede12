"""AWS's part of the bulk road: queues, buckets, roles, database. They agree with our settings, contracts and calls."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from async_worker import object_keys, ownership
from ocr_core.adapters.queue_connection import DEAD_LETTERS
from ocr_core.contracts.queues import MAX_RETENTION_S, QueueName
from ocr_core.contracts.remembered import REMEMBERED
from ocr_core.settings import BulkSettings, QueueSettings, RememberSettings
from tests.support.cloudformation import AWS, ROOT, template
from tests.support.kubernetes import containers, rendered

BULK, ROLES, DATABASE, ALL = (template(name) for name in ("bulk.yaml", "roles.yaml", "database.yaml", "yomitori.yaml"))
PREFIX = BULK["Parameters"]["NamePrefix"]["Default"]
BUCKETS = ("Objects", "Inbox")

ACTIONS = {
    "get_queue_url": "sqs:GetQueueUrl",
    "send_message": "sqs:SendMessage",
    "send_message_batch": "sqs:SendMessage",
    "receive_message": "sqs:ReceiveMessage",
    "delete_message": "sqs:DeleteMessage",
    "delete_message_batch": "sqs:DeleteMessage",
    "change_message_visibility": "sqs:ChangeMessageVisibility",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "upload_fileobj": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "generate_presigned_url": None,  # signed here, and what it allows is what the signer may
    # Only where OCR_QUEUE_CREATE or OCR_OBJECTS_CREATE_BUCKET is on, or for people who look:
    "create_queue": None,
    "create_bucket": None,
    "get_queue_attributes": None,
    "close": None,
}
"""What a call of the adapters' asks IAM for: https://docs.aws.amazon.com/service-authorization/latest/reference/"""
AFTER_A_BROKEN_UPLOAD = "s3:AbortMultipartUpload"
"""The transfer manager's own call."""


def resources(kind: str, of: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by their names in the template."""
    return {name: item["Properties"] for name, item in of["Resources"].items() if item["Type"] == kind}


def text(value: Any) -> str:
    """A name or ARN with the default prefix written out, and other parameters as ``${Name}``."""
    plain = value["Sub"] if isinstance(value, dict) else value
    return str(plain).replace("${NamePrefix}", PREFIX)


def statements(role: str) -> list[dict[str, Any]]:
    (policy,) = resources("AWS::IAM::Role", ROLES)[role]["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def granted(role: str) -> dict[str, set[str]]:
    """What a role may do, with what: the last part of each ARN by action."""
    found: dict[str, set[str]] = {}
    for statement in statements(role):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            found.setdefault(action, set()).update(
                text(item).rpartition(":")[2] for item in as_list(statement["Resource"])
            )
    return found


def test_queues_are_those_of_the_settings_each_with_its_dead_letters() -> None:
    queues = {text(item["QueueName"]): item for item in resources("AWS::SQS::Queue", BULK).values()}
    prefix = QueueSettings.model_fields["name_prefix"].default
    assert prefix == PREFIX
    assert set(queues) == {f"{prefix}{name}{end}" for name in QueueName for end in ("", DEAD_LETTERS)}
    by_resource = {name: text(item["QueueName"]) for name, item in resources("AWS::SQS::Queue", BULK).items()}
    for name in QueueName:
        redrive = queues[f"{prefix}{name}"]["RedrivePolicy"]
        resource = redrive["deadLetterTargetArn"]["GetAtt"].removesuffix(".Arn")
        assert by_resource[resource] == f"{prefix}{name}{DEAD_LETTERS}"
        assert redrive["maxReceiveCount"] == {"Ref": "MaxReceives"}
        allowed = queues[f"{prefix}{name}{DEAD_LETTERS}"]["RedriveAllowPolicy"]
        assert allowed["redrivePermission"] == "byQueue"
        assert [text(arn).rpartition(":")[2] for arn in allowed["sourceQueueArns"]] == [f"{prefix}{name}"]


def test_queues_keep_and_hide_messages_as_those_that_the_services_would_make() -> None:
    parameters = BULK["Parameters"]
    assert parameters["VisibilitySeconds"]["Default"] == BulkSettings.model_fields["lease_s"].default
    assert parameters["MaxReceives"]["Default"] == QueueSettings.model_fields["max_receives"].default
    assert parameters["MaxReceives"]["Default"] > BulkSettings.model_fields["max_attempts"].default
    for queue in resources("AWS::SQS::Queue", BULK).values():
        assert queue["VisibilityTimeout"] == {"Ref": "VisibilitySeconds"}
        assert queue["MessageRetentionPeriod"] == MAX_RETENTION_S
        assert queue["SqsManagedSseEnabled"] is True
        # Fair, which standard queues are for messages with a group; FIFO would be another thing.
        assert "FifoQueue" not in queue


def test_every_queue_speaks_tls_only_and_the_inbox_alone_may_send_from_outside() -> None:
    covered: list[str] = []
    for policy in resources("AWS::SQS::QueuePolicy", BULK).values():
        covered += [item["Ref"] for item in policy["Queues"]]
        denied = [item for item in policy["PolicyDocument"]["Statement"] if item["Effect"] == "Deny"]
        assert [item["Condition"] for item in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
        for item in policy["PolicyDocument"]["Statement"]:
            if item["Effect"] == "Allow":
                assert item["Principal"] == {"Service": "s3.amazonaws.com"}
                assert item["Action"] == "sqs:SendMessage"
                assert text(item["Condition"]["ArnEquals"]["aws:SourceArn"]).endswith(
                    text(resources("AWS::S3::Bucket", BULK)["Inbox"]["BucketName"])
                )
                assert item["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert sorted(covered) == sorted(resources("AWS::SQS::Queue", BULK))


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_private_encrypted_and_speak_tls_only(name: str) -> None:
    bucket = resources("AWS::S3::Bucket", BULK)[name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "VersioningConfiguration" not in bucket
    assert BULK["Resources"][name]["DeletionPolicy"] == "Retain"
    policy = BULK["Resources"][f"{name}Policy"]["Properties"]
    assert policy["Bucket"] == {"Ref": name}
    denials = policy["PolicyDocument"]["Statement"]
    assert {item["Effect"] for item in denials} == {"Deny"}
    assert {json.dumps(item["Condition"]) for item in denials} == {
        '{"Bool": {"aws:SecureTransport": "false"}}',
        '{"NumericLessThan": {"s3:TlsVersion": "1.2"}}',
    }


def test_objects_outlive_what_the_service_promises_and_no_longer_than_needed() -> None:
    rules = resources("AWS::S3::Bucket", BULK)["Objects"]["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    # By prefix, since the object that names the bucket's database must stay.
    folders = {f"{name}/" for name in (object_keys.UPLOADS, object_keys.READINGS, object_keys.RESULTS)}
    assert expiring.pop(f"{REMEMBERED}/") == 1
    assert RememberSettings(keep_s=86_400).keep_s == 86_400  # a day, and not more
    assert set(expiring) == folders
    assert not any(ownership.OWNER_KEY.startswith(folder) for folder in folders)
    assert all(days == {"Ref": "BackstopDays"} for days in expiring.values())
    days = BULK["Parameters"]["BackstopDays"]
    fields = BulkSettings.model_fields
    assert days["MinValue"] > max(fields["keep_jobs_days"].default, fields["keep_uploads_days"].default)
    assert days["Default"] >= days["MinValue"]
    assert any("AbortIncompleteMultipartUpload" in rule and rule["Status"] == "Enabled" for rule in rules)


def test_new_objects_of_the_inbox_reach_the_intake_and_none_of_our_own_do() -> None:
    buckets = resources("AWS::S3::Bucket", BULK)
    (event,) = buckets["Inbox"]["NotificationConfiguration"]["QueueConfigurations"]
    assert event == {"Event": "s3:ObjectCreated:*", "Queue": {"GetAtt": "IntakeQueue.Arn"}}
    # The queue's policy comes first, or S3 refuses to make the bucket.
    assert BULK["Resources"]["Inbox"]["DependsOn"] == "IntakePolicy"
    assert "NotificationConfiguration" not in buckets["Objects"]


def test_dead_letters_and_age_raise_an_alarm_for_every_queue() -> None:
    alarms = resources("AWS::CloudWatch::Alarm", BULK)
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"]["GetAtt"].removesuffix(".QueueName"))
        for alarm in alarms.values()
    }
    queues = set(resources("AWS::SQS::Queue", BULK))
    dead = {name for name in queues if name.endswith("DeadLetters")}
    assert watched == {("ApproximateNumberOfMessagesVisible", name) for name in dead} | {
        ("ApproximateAgeOfOldestMessage", name) for name in queues - dead
    }
    for alarm in alarms.values():
        assert alarm["Namespace"] == "AWS/SQS"
        assert "AlarmActions" in alarm


def test_every_service_that_calls_aws_has_a_role_named_like_its_account() -> None:
    cluster = rendered("aws")
    given = {
        name: item["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn", "").rpartition("/")[2]
        for name, item in cluster.of("ServiceAccount").items()
    }
    roles = {text(role["RoleName"]) for role in resources("AWS::IAM::Role", ROLES).values()}
    assert {role for role in given.values() if role} == roles - {f"{PREFIX}keda"}
    for name, pod in cluster.pods().items():
        calls = any(variable.startswith("OCR_STORAGE_") for variable in cluster.environment(pod["containers"][0]))
        assert bool(given[name]) == calls
        assert pod["serviceAccountName"] == name
        assert not given[name] or given[name] == f"{PREFIX}{name}"
    assert containers(cluster.pods()["preprocess"])["file-opener"]


def test_a_role_can_be_taken_by_its_own_service_account_alone() -> None:
    namespace = ROLES["Parameters"]["Namespace"]["Default"]
    assert namespace in rendered("aws").of("Namespace")
    for name, role in resources("AWS::IAM::Role", ROLES).items():
        document = role["AssumeRolePolicyDocument"]["Sub"].replace("${Namespace}", namespace)
        (statement,) = json.loads(document)["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        asked = statement["Condition"]["StringEquals"]
        own = text(role["RoleName"]).removeprefix(PREFIX)
        wanted = "${KedaServiceAccount}" if own == "keda" else f"{namespace}:{own}"
        assert asked == {
            "${OidcProvider}:aud": "sts.amazonaws.com",
            "${OidcProvider}:sub": f"system:serviceaccount:{wanted}",
        }, name


def test_no_role_may_do_everything_or_with_everything() -> None:
    for role in resources("AWS::IAM::Role", ROLES):
        for action, what in granted(role).items():
            assert "*" not in action
            assert "*" not in what
            assert action == "sqs:GetQueueUrl" or f"{PREFIX}*" not in what


def _calls() -> set[str]:
    """Operations of boto3's clients that the adapters call."""
    adapters = ROOT / "ocr_core" / "adapters"
    files = [*adapters.glob("queue*.py"), *adapters.glob("object*.py"), adapters / "storage.py"]
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if owner.rpartition(".")[2] in {"client", "_client", "_public_client", "public_client"}:
                    found.add(node.func.attr)
    return found


def test_the_roles_together_may_do_what_the_adapters_call_and_nothing_else() -> None:
    calls = _calls()
    assert calls <= ACTIONS.keys(), "a call that this test does not know"
    needed = {action for call in calls if (action := ACTIONS[call]) is not None} | {AFTER_A_BROKEN_UPLOAD}
    services = {role for role in resources("AWS::IAM::Role", ROLES) if role != "KedaRole"}
    assert set().union(*(granted(role) for role in services)) == needed
    assert granted("KedaRole") == {"sqs:GetQueueAttributes": {f"{PREFIX}{name}" for name in QueueName}}


@pytest.mark.parametrize("name", QueueName)
def test_a_queue_is_worked_by_its_own_role_alone(name: QueueName) -> None:
    roles = resources("AWS::IAM::Role", ROLES)
    own = f"Bulk{name.value.capitalize()}Role"
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        holders = {role for role in roles if f"{PREFIX}{name}" in granted(role).get(action, set())}
        assert holders == {own}
    # A message that cannot be read goes to the dead letters at once, by whoever received it.
    assert f"{PREFIX}{name}{DEAD_LETTERS}" in granted(own)["sqs:SendMessage"]


def test_who_may_touch_which_objects() -> None:
    def objects(role: str, action: str) -> set[str]:
        return {what.removeprefix("${ObjectsBucket}/") for what in granted(role).get(action, set())}

    remembered = f"{REMEMBERED}/*"
    assert objects("PreprocessRole", "s3:GetObject") == {"${InboxBucket}/*", remembered}
    assert objects("PreprocessRole", "s3:PutObject") == {"documents/*", remembered}
    assert objects("PreprocessRole", "s3:DeleteObject") == {"documents/*", remembered}
    assert set(granted("PreprocessRole")) == {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"}
    assert objects("BulkReadRole", "s3:PutObject") == {"readings/*", "documents/*"}
    assert objects("BulkStructureRole", "s3:PutObject") == {"results/*", "documents/*"}
    assert objects("BulkApiRole", "s3:PutObject") == {"uploads/*"}
    assert objects("BulkApiRole", "s3:GetObject") == {"results/*", "documents/*"}
    areas = {"uploads/*", "readings/*", "results/*", "documents/*", remembered}
    assert objects("BulkApiRole", "s3:DeleteObject") == areas
    assert objects("BulkDispatcherRole", "s3:DeleteObject") == {*areas, "exports/*"}
    assert objects("BulkDispatcherRole", "s3:PutObject") == {ownership.OWNER_KEY, ownership.CLOCK_KEY}


def test_the_file_openers_policy_goes_to_those_who_open_files() -> None:
    holders = {name for name, role in resources("AWS::IAM::Role", ROLES).items() if "ManagedPolicyArns" in role}
    assert holders == {"PreprocessRole", "BulkReadRole"}


def test_the_database_is_private_encrypted_and_hard_to_lose() -> None:
    database = resources("AWS::RDS::DBInstance", DATABASE)["Database"]
    assert database["PubliclyAccessible"] is False
    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True
    assert database["ManageMasterUserPassword"] is True
    assert DATABASE["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"
    assert resources("AWS::RDS::DBParameterGroup", DATABASE)["Parameters"]["Parameters"] == {"rds.force_ssl": "1"}
    (rule,) = resources("AWS::EC2::SecurityGroup", DATABASE)["SecurityGroup"]["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["ToPort"]) == (5432, 5432)
    compose = re.search(r"image: postgres:([0-9]+)\.", (ROOT / "docker-compose.yml").read_text())
    assert compose is not None
    assert database["EngineVersion"].split(".")[0] == compose[1]


def test_the_stack_over_all_gives_each_template_what_it_takes_and_takes_what_it_gives() -> None:
    stacks = resources("AWS::CloudFormation::Stack", ALL)
    used = {Path(stack["TemplateURL"]).name for stack in stacks.values()}
    assert used == {file.name for file in AWS.glob("*.yaml")} - {"yomitori.yaml"}
    outputs = {name: set(template(Path(stack["TemplateURL"]).name)["Outputs"]) for name, stack in stacks.items()}
    for stack in stacks.values():
        known = template(Path(stack["TemplateURL"]).name)["Parameters"]
        assert set(stack["Parameters"]) <= set(known)
        missing = {name for name, item in known.items() if "Default" not in item} - set(stack["Parameters"])
        assert not missing
    for name, output in re.findall(r"!GetAtt (\w+)\.Outputs\.(\w+)", (AWS / "yomitori.yaml").read_text()):
        assert output in outputs[name]
