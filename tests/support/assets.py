"""An environment asset of Run:ai of which everything fits, with every field that is carried over."""

from typing import Any

FULL: dict[str, Any] = {
    "meta": {
        "name": "lab", "description": "d", "scope": "project", "projectId": 4501, "projectName": "vision",
        "workloadSupportedTypes": {"workspace": False, "training": True, "inference": True, "distributed": False},
    },
    "spec": {
        "image": "registry.example/lab:1", "imagePullPolicy": "Always", "workingDir": "/w", "command": "a b",
        "args": "c ${D}", "stdin": False, "tty": False, "createHomeDir": True, "uidGidSource": "custom",
        "runAsUid": 1, "runAsGid": 2, "supplementalGroups": "3, 4", "overrideUidGidInWorkspace": True,
        "capabilities": ["KILL"], "seccompProfileType": "Unconfined", "hostIpc": False, "runAsNonRoot": False,
        "hostNetwork": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "probes": {"readiness": {
            "handler": {"httpGet": {"port": 80, "path": "/", "host": "h", "scheme": "HTTPS"}}, "periodSeconds": 5,
            "initialDelaySeconds": 0, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 2}},
        "environmentVariables": [
            {"name": "A", "value": "1", "description": "x", "exclude": False},
            {"name": "B", "credential": {"assetId": "c", "key": "k"}},
            {"name": "C", "configMap": {"name": "m", "key": "k"}},
            {"name": "D", "podFieldRef": {"path": "metadata.name"}},
            {"name": "E", "secret": {"name": "s", "key": "k"}},
        ],
        "connections": [
            {"name": "t", "isExternal": False, "internalToolInfo": {
                "toolType": "rstudio", "connectionType": "ExternalUrl", "containerPort": 1,
                "externalUrlInfo": {"isCustomUrl": True, "externalUrl": "https://x"}}},
            {"name": "n", "internalToolInfo": {
                "toolType": "custom", "connectionType": "NodePort", "containerPort": 3,
                "nodePortInfo": {"isCustomPort": True}}},
            {"name": "w", "isExternal": True, "externalToolInfo": {"toolType": "wandb", "externalUrl": "https://w"}},
            {"name": "s", "internalToolInfo": {
                "connectionType": "ServingPort", "containerPort": 2, "servingPortInfo": {"protocol": "http"}}},
        ],
    },
}  # fmt: skip
