"""KEDA's objects as its documentation has them, only the fields that ours use."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 1}
_NUMBER = {"type": "string", "pattern": r"[0-9]+"}


def _object(fields: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
    }


def _kind(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    head = {"apiVersion": {"const": "keda.sh/v1alpha1"}, "kind": {"const": kind}}
    metadata = _object({"name": _TEXT, "namespace": _TEXT}, "namespace")
    return _object({**head, "metadata": metadata, "spec": spec})


_POLICY = _object({"type": {"enum": ["Pods", "Percent"]}, "value": _COUNT, "periodSeconds": _COUNT})
_SCALE_DOWN = _object(
    {"stabilizationWindowSeconds": _COUNT, "policies": {"type": "array", "items": _POLICY}}
)
_ADVANCED = _object(
    {"horizontalPodAutoscalerConfig": _object({"behavior": _object({"scaleDown": _SCALE_DOWN})})}
)
# Every value of a trigger is a text, whatever it means.
_LIST = _object(
    {"address": _TEXT, "databaseIndex": _NUMBER, "listName": _TEXT, "listLength": _NUMBER}
)
_QUERY = _object({"query": _TEXT, "targetQueryValue": _NUMBER})
_COMMON = {"name": _TEXT, "authenticationRef": _object({"name": _TEXT})}
_TRIGGER = {
    "oneOf": [
        _object({**_COMMON, "type": {"const": "redis"}, "metadata": _LIST}),
        _object(
            {
                **_COMMON,
                "type": {"const": "postgresql"},
                "metricType": {"enum": ["AverageValue", "Value"]},
                "metadata": _QUERY,
            }
        ),
    ]
}
SCHEMAS = {
    "ScaledObject": _kind(
        "ScaledObject",
        _object(
            {
                "scaleTargetRef": _object({"name": _TEXT}),
                "minReplicaCount": _COUNT,
                "maxReplicaCount": _COUNT,
                "pollingInterval": _COUNT,
                "advanced": _ADVANCED,
                "triggers": {"type": "array", "items": _TRIGGER, "minItems": 1},
            }
        ),
    ),
    "TriggerAuthentication": _kind(
        "TriggerAuthentication",
        _object(
            {
                "secretTargetRef": {
                    "type": "array",
                    "items": _object({"parameter": _TEXT, "name": _TEXT, "key": _TEXT}),
                }
            }
        ),
    ),
}
