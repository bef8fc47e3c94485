"""SeldonDeployments with one thing in them broken, for property tests."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from support.graph.operator_cases import operator_case, operator_cases

Place = tuple[str | int, ...]
VALUES: tuple[Any, ...] = (1, -5, 1.5, True, "a text", "1 GB", 2**40, [], ["x"], {}, {"a": "b"}, [{}])


FIELDS = [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]
VOLUMES = [
    {"name": "claimed", "persistentVolumeClaim": {"claimName": "x", "readOnly": True}},
    {"name": "mapped", "configMap": {"name": "c", "items": [{"key": "k", "path": "p", "mode": 420}]}},
    {"name": "empty", "emptyDir": {"sizeLimit": "1Gi"}},
    {
        "name": "mixed",
        "projected": {"sources": [{"secret": {"name": "x"}}, {"downwardAPI": {"items": FIELDS}}]},
    },
]

PLUGIN_VOLUMES: dict[str, dict[str, Any]] = {
    "awsElasticBlockStore": {"volumeID": "vol-1", "partition": 1},
    "azureDisk": {"diskName": "d", "diskURI": "https://disks/d", "kind": "Managed"},
    "azureFile": {"secretName": "s", "shareName": "n", "readOnly": True},
    "cephfs": {"monitors": ["10.0.0.1:6789"], "path": "/p", "secretRef": {"name": "s"}},
    "cinder": {"volumeID": "v", "fsType": "ext4"},
    "fc": {"targetWWNs": ["50060e801049cfd1"], "lun": 2},
    "flexVolume": {"driver": "example.com/lvm", "options": {"size": "1000m"}},
    "flocker": {"datasetUUID": "u"},
    "gcePersistentDisk": {"pdName": "d"},
    "gitRepo": {"repository": "https://git/r", "revision": "main"},
    "glusterfs": {"endpoints": "e", "path": "p"},
    "iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.com.example:disk", "lun": 0, "portals": ["p"]},
    "photonPersistentDisk": {"pdID": "d"},
    "portworxVolume": {"volumeID": "v"},
    "quobyte": {"registry": "r:7861", "volume": "v"},
    "rbd": {"monitors": ["10.0.0.1:6789"], "image": "i", "pool": "p"},
    "scaleIO": {"gateway": "https://g", "system": "s", "secretRef": {"name": "s"}},
    "storageos": {"volumeName": "v"},
    "vsphereVolume": {"volumePath": "[store] v.vmdk", "storagePolicyID": "i"},
}
"""A volume of each storage plugin, by its kind."""


def rich_document() -> dict[str, Any]:
    """One document with all that a pod may have: volumes, affinity, spread, probes, both forms of metrics."""
    document: dict[str, Any] = operator_case("router with aggregate over forecaster and fallback")["cr"]
    component = document["spec"]["predictors"][0]["componentSpecs"][0]
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "x"}}}
    nodes = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}
    component["spec"] |= {
        "volumes": VOLUMES,
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": nodes},
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]
            },
        },
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    }
    target = {"type": "Utilization", "averageUtilization": 50}
    component["hpaSpec"] = {
        "maxReplicas": 2,
        "metricsv2": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "metrics": [{"type": "Pods", "pods": {"metricName": "m", "targetAverageValue": "1k"}}],
    }
    for container in component["spec"]["containers"]:
        container["resources"] = {"requests": {"cpu": "1"}}
    component["spec"]["containers"][0] |= {
        "livenessProbe": {"httpGet": {"path": "/", "port": "http", "httpHeaders": [{"name": "a", "value": "b"}]}},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep"]}}},
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    }
    return document


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """A document that a cluster took, with something removed, put in, or replaced at one place."""
    taken = [case["cr"] for case in operator_cases() if case["accepted"] and case["strictAccepted"]]
    document: dict[str, Any] = deepcopy(draw(st.sampled_from([rich_document(), *taken])))
    path = draw(st.sampled_from(list(_places(document["spec"]))))
    parent: Any = document["spec"]
    for key in path[:-1]:
        parent = parent[key]
    how = draw(st.sampled_from(["remove", "replace", "add"]))
    if how == "remove":
        del parent[path[-1]]
    elif how == "add" and isinstance(parent[path[-1]], dict):
        parent[path[-1]]["surprise"] = draw(st.sampled_from(VALUES))
    else:
        parent[path[-1]] = draw(st.sampled_from(VALUES))
    return document


def _places(value: object, path: Place = ()) -> Iterator[Place]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*path, key)
        yield from _places(below, (*path, key))
