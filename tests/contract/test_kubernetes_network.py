"""Who may talk to whom in a cluster: what ARCHITECTURE.md draws and no more; from outside, the public routes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.routing import Route

from async_worker.webhooks import addresses
from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    FileOpenerSettings,
    LimitSettings,
    ObjectStoreSettings,
    PageSettings,
    PdfSettings,
    PreprocessSettings,
    StorageSettings,
    TritonSettings,
)
from preprocess_svc.main import make_app
from tests.support.bulk_api import ServedApi
from tests.support.kubernetes import EVERYTHING, NAME_LABEL, ROOT, Cluster, Manifest, main_container, rendered

Edge = tuple[str, str, int | str]
"""From, to, port. Outside are ``ingress``, ``monitoring``, ``database``, ``cloud``, ``names``, ``strangers``."""

INTERNAL = {"/readyz", "/metrics"}
"""Routes of the public services that are for the cluster alone."""
ONCE = {"/healthz", "/openapi.json"}
"""Both have them; under one origin they are the sync API's."""


@pytest.fixture(params=EVERYTHING)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return rendered(request.param)


def drawn() -> set[Edge]:
    """The table of ARCHITECTURE.md; a cell may name several."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = text.split("## Who talks to whom", 1)[1].split("\n## ", 1)[0]
    edges: set[Edge] = set()
    for row in re.findall(r"^\| `(.+?)` \| `(.+?)` \| (.+?) \|", section, flags=re.MULTILINE):
        callers, called, ports = (re.split(r"`?, `?", cell) for cell in row)
        edges |= {
            (caller, other, int(port) if port.isdecimal() else port)
            for caller in callers
            for other in called
            for port in ports
        }
    return edges


def allowed(cluster: Cluster) -> tuple[set[Edge], set[Edge]]:
    """What the policies let out, and what they let in."""
    out: set[Edge] = set()
    into: set[Edge] = set()
    for policy in cluster.of("NetworkPolicy").values():
        spec = policy["spec"]
        for pod in _selected(cluster, spec["podSelector"]):
            for rule in spec.get("egress", []):
                out |= {(pod, peer, port) for peer in _peers(cluster, rule["to"]) for port in _ports(rule)}
            for rule in spec.get("ingress", []):
                into |= {(peer, pod, port) for peer in _peers(cluster, rule["from"]) for port in _ports(rule)}
    return out, into


def _selected(cluster: Cluster, selector: Manifest) -> set[str]:
    """Deployments whose pods a selector means."""
    return {name for name in cluster.pods() if _matches(cluster.labels(name), selector)}


def _matches(labels: dict[str, str], selector: Manifest) -> bool:
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for expression in selector.get("matchExpressions", []):
        inside = labels.get(expression["key"]) in expression["values"]
        if inside != {"In": True, "NotIn": False}[expression["operator"]]:
            return False
    return True


def _peers(cluster: Cluster, peers: list[Manifest]) -> Iterator[str]:
    for peer in peers:
        match peer:
            case {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}:
                yield "cloud"
            case {"ipBlock": {"cidr": "0.0.0.0/0"}}:
                yield "strangers"
            case {"ipBlock": {"cidr": "10.0.0.0/8"}}:
                yield "database"
            case {"ipBlock": {"cidr": "10.0.0.0/16"}}:
                yield "ingress"  # AWS's load balancer is no pod
            case {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}, **rest}:
                assert "podSelector" in rest
                yield "names"
            case {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": outside}}}:
                yield outside
            case {"podSelector": selector}:
                assert NAME_LABEL in selector["matchLabels"]
                yield from _selected(cluster, selector)
            case _:
                pytest.fail(f"a peer that this test does not know: {peer}")


def _ports(rule: Manifest) -> Iterator[int | str]:
    assert rule["ports"], "a rule without ports means all of them"
    for port in rule["ports"]:
        yield f"{port['port']}-{port['endPort']}" if "endPort" in port else port["port"]


def test_everything_is_denied_that_is_not_named(cluster: Cluster) -> None:
    policy = cluster.of("NetworkPolicy")["deny-everything"]["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_policies_allow_what_architecture_draws_and_nothing_else(cluster: Cluster) -> None:
    out, into = allowed(cluster)
    pods = set(cluster.pods())
    wanted = drawn()
    assert {name for edge in wanted for name in edge[:2]} >= pods
    assert out == {edge for edge in wanted if edge[0] in pods}
    assert into == {edge for edge in wanted if edge[1] in pods}


def test_the_text_side_and_triton_reach_nobody(cluster: Cluster) -> None:
    out, _ = allowed(cluster)
    assert not {edge for edge in out if edge[0] in {"postprocess", "triton"}}


def test_ports_that_are_let_in_are_listened_on(cluster: Cluster) -> None:
    _, into = allowed(cluster)
    for _, called, port in into:
        assert port in {item["containerPort"] for item in main_container(cluster.pods()[called])["ports"]}


def test_webhooks_reach_no_address_that_the_service_would_refuse(cluster: Cluster) -> None:
    (block,) = [
        rule["to"][0]["ipBlock"]
        for rule in cluster.of("NetworkPolicy")["bulk-webhooks"]["spec"]["egress"]
        if rule["to"][0]["ipBlock"]["cidr"] == "0.0.0.0/0"
    ]
    walls = [ipaddress.IPv4Network(network) for network in block["except"]]
    assert sorted(walls) == sorted(addresses._NOT_PUBLIC_V4)


def _sync_routes() -> set[str]:
    """Those too that OpenAPI does not tell of."""
    app = make_app(
        settings=PreprocessSettings(),
        limits=LimitSettings(),
        triton=TritonSettings(),
        file_opener=FileOpenerSettings(),
        storage=StorageSettings(),
        pdf=PdfSettings(),
        page=PageSettings(),
        access=AccessSettings(),
        bulk=BulkSettings(),
        objects=ObjectStoreSettings(),
        documents=DocumentSettings(),
    )
    return set(_paths(app.routes))


def _paths(routes: Sequence[object]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Route):
            yield route.path
        else:  # a router that FastAPI has included, and looks into when it is asked
            yield from _paths(getattr(route, "original_router", route).routes)


def _leads(cluster: Cluster) -> list[tuple[str, str, str]]:
    """Every path of the Ingress: its kind, itself, the service that it leads to."""
    found: list[tuple[str, str, str]] = []
    for ingress in cluster.of("Ingress").values():
        (rule,) = ingress["spec"]["rules"]
        for item in rule["http"]["paths"]:
            assert item["backend"]["service"]["port"]["name"] == "http"
            found.append((item["pathType"], item["path"], item["backend"]["service"]["name"]))
    return found


def _served_by(cluster: Cluster, path: str) -> str | None:
    """Whom the Ingress would ask: an exact path first, then the longest prefix."""
    leads = _leads(cluster)
    for kind, own, service in leads:
        if kind == "Exact" and own == path:
            return service
    prefixes = [
        (len(own), service)
        for kind, own, service in leads
        if kind == "Prefix" and (path == own or path.startswith(own.rstrip("/") + "/"))
    ]
    return max(prefixes)[1] if prefixes else None


def test_every_public_route_of_the_sync_api_leads_to_it(cluster: Cluster) -> None:
    routes = _sync_routes()
    assert "/v1/ocr" in routes
    for path in routes - INTERNAL:
        assert _served_by(cluster, path) == "preprocess", path


def test_every_public_route_of_the_bulk_api_leads_to_it(refusing_api: ServedApi) -> None:
    routes = set(refusing_api.client.get("/openapi.json").json()["paths"])
    assert "/v1/jobs" in routes
    for path in routes - INTERNAL - ONCE:
        assert {_served_by(rendered(name), path) for name in EVERYTHING} == {"bulk-api"}, path


def test_what_is_internal_leads_nowhere(cluster: Cluster) -> None:
    for path in (*INTERNAL, "/v1/readings", "/v2/health/ready"):
        assert _served_by(cluster, path) is None, path


def test_both_are_under_one_origin(cluster: Cluster) -> None:
    rules = [rule for ingress in cluster.of("Ingress").values() for rule in ingress["spec"]["rules"]]
    assert len({rule["host"] for rule in rules}) == 1
    assert len(rules) == 2


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_bodies_and_streams_pass_the_ingress(name: str) -> None:
    annotations: dict[str, Any] = {
        ingress: {key.rpartition("/")[2]: value for key, value in item["metadata"]["annotations"].items()}
        for ingress, item in rendered(name).of("Ingress").items()
    }
    sync, bulk = annotations["sync"], annotations["bulk"]
    # Above the services' own limits, so that it is they who answer, with the limit's name; nginx's m is 1,048,576.
    assert int(sync["proxy-body-size"].removesuffix("m")) << 20 > LimitSettings().max_body_bytes
    assert int(bulk["proxy-body-size"].removesuffix("m")) << 20 > BulkSettings().max_request_bytes
    assert float(bulk["proxy-read-timeout"]) > BulkSettings().body_timeout_s
    assert (sync["proxy-request-buffering"], bulk["proxy-buffering"]) == ("off", "off")
