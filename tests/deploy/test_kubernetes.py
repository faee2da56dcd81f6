"""The example manifests in docs/kubernetes: valid for Kubernetes, and about this server."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from app.config import load_settings
from tests.harness.client import Api
from tests.harness.documents import read_yaml_documents
from tests.harness.stores import REPOSITORY

FOLDER = REPOSITORY / "docs" / "kubernetes"
FILES = [*sorted(FOLDER.glob("*.yaml")), FOLDER / "secret.yaml.example"]
MANIFESTS: dict[str, Any] = {
    manifest["kind"]: manifest for file in FILES for manifest in read_yaml_documents(file.read_text())
}
POD = MANIFESTS["Deployment"]["spec"]["template"]
CONTAINER = POD["spec"]["containers"][0]
SECRET = "0123456789abcdef" * 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.parametrize("version", ["1.29", "1.34"])
def test_they_follow_kubernetes_schemas(file: Path, version: str) -> None:
    for manifest in read_yaml_documents(file.read_text()):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    wrong = {**MANIFESTS["Service"], "spec": {**MANIFESTS["Service"]["spec"], "selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_applying_the_folder_leaves_the_secret_alone() -> None:
    """kubectl takes .json, .yaml and .yml of a folder (k8s.io/cli-runtime, FileExtensions)."""
    applied = [file for file in FOLDER.iterdir() if file.suffix in (".json", ".yaml", ".yml")]
    kinds = {manifest["kind"] for file in applied for manifest in read_yaml_documents(file.read_text())}
    assert kinds == set(MANIFESTS) - {"Secret"}


def test_they_belong_together() -> None:
    assert set(MANIFESTS) == {
        *("ConfigMap", "Secret", "Deployment", "Service", "Ingress"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget"),
    }
    labels = POD["metadata"]["labels"]
    deployment = MANIFESTS["Deployment"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert CONTAINER["envFrom"] == [
        {"configMapRef": {"name": MANIFESTS["ConfigMap"]["metadata"]["name"]}},
        {"secretRef": {"name": MANIFESTS["Secret"]["metadata"]["name"]}},
    ]
    [port] = CONTAINER["ports"]
    assert port["containerPort"] == 3000
    assert MANIFESTS["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]


async def test_the_probes_ask_what_the_server_answers(api: Api) -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert (await api.http.get(CONTAINER[probe]["httpGet"]["path"])).status_code == 200
    annotations = POD["metadata"]["annotations"]
    assert (await api.http.get(annotations["prometheus.io/path"])).status_code == 200


def test_metrics_stay_inside() -> None:
    paths = [path["path"] for rule in MANIFESTS["Ingress"]["spec"]["rules"] for path in rule["http"]["paths"]]
    assert paths == ["/graphql", "/health"]


def test_the_settings_are_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = {**MANIFESTS["ConfigMap"]["data"], **dict.fromkeys(MANIFESTS["Secret"]["stringData"], SECRET)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    unknown = {
        name for name in given if name != "NODE_ENV" and name.lower() not in type(settings).model_fields
    }
    assert not unknown
    assert settings.is_production
    pause = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["spec"]["terminationGracePeriodSeconds"] > settings.shutdown_timeout + pause


def test_the_pod_runs_as_the_image_does() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    security = POD["spec"]["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in dockerfile
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]
    assert [mount["mountPath"] for mount in CONTAINER["volumeMounts"]] == ["/tmp"]
