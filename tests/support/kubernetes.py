"""The manifests of deploy/kubernetes as a cluster would be given them: rendered by kubectl, without a cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("cpu", "gpu", "aws")
IN_LAMBDA = "aws with files opened in AWS Lambda"
"""``overlays/aws`` with ``components/lambda-opener``, as its first lines tell to make it."""
EVERYTHING = (*OVERLAYS, IN_LAMBDA)
NAME_LABEL = "app.kubernetes.io/name"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """All objects of one overlay."""

    objects: tuple[Manifest, ...]

    def of(self, kind: str) -> dict[str, Manifest]:
        """Those of a kind, by name."""
        return {item["metadata"]["name"]: item for item in self.objects if item["kind"] == kind}

    def pods(self) -> dict[str, Manifest]:
        """The pods' specifications, by the deployment's name."""
        return {name: item["spec"]["template"]["spec"] for name, item in self.of("Deployment").items()}

    def labels(self, deployment: str) -> dict[str, str]:
        """Of a deployment's pods."""
        return dict(self.of("Deployment")[deployment]["spec"]["template"]["metadata"]["labels"])

    def environment(self, container: Manifest) -> dict[str, str | None]:
        """What a container is given as settings, secrets left out; null where only the machine knows the value."""
        given: dict[str, str | None] = {}
        maps = self.of("ConfigMap")
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                given |= maps[source["configMapRef"]["name"]]["data"]
        given |= {item["name"]: item.get("value") for item in container.get("env", [])}
        return given


def containers(pod: Manifest) -> dict[str, Manifest]:
    """All of a pod, those too that run before the first one."""
    return {item["name"]: item for item in (*pod.get("initContainers", []), *pod["containers"])}


def main_container(pod: Manifest) -> Manifest:
    """The one that serves."""
    (container,) = pod["containers"]
    return dict(container)


def as_bytes(quantity: str) -> int:
    """``2Gi`` as bytes."""
    units = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
    return int(quantity[:-2]) * units[quantity[-2:]]


@cache
def rendered(name: str) -> Cluster:
    """One of ``EVERYTHING``; nothing of it may be changed by who looks at it."""
    return _render(KUBERNETES / "overlays" / name) if name in OVERLAYS else _render_with_lambda()


def _render_with_lambda() -> Cluster:
    # A folder in the place of an overlay: kustomize reads nothing that lies outside of what it is given.
    with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays", prefix=".lambda-") as folder:
        Path(folder, "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            "resources: [../aws]\ncomponents: [../../components/lambda-opener]\n"
        )
        return _render(Path(folder))


@cache
def rendered_with(overlay: str, *components: str) -> Cluster:
    """An overlay with components that it does not have by itself."""
    with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays", prefix=".with-") as folder:
        shutil.copytree(KUBERNETES / "overlays" / overlay, folder, dirs_exist_ok=True)
        file = Path(folder, "kustomization.yaml")
        added = "".join(f"  - ../../components/{name}\n" for name in components)
        file.write_text(file.read_text().replace("components:\n", f"components:\n{added}", 1))
        return _render(Path(folder))


def _render(folder: Path) -> Cluster:
    kubectl = Path(sys.executable).with_name("kubectl")
    answer = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False, env={})
    assert answer.returncode == 0, answer.stderr
    return Cluster(objects=tuple(item for item in yaml.safe_load_all(answer.stdout) if item))
