"""Holds `scaletop fleet manifest k8s` against the models that Kubernetes generates from its API: every field's name and type, and every
field that the API insists on. `manifest.py FILE` reads the manifest from a file (JSON documents or YAML)."""

import re
import sys

import yaml
from kubernetes import client

MODELS = {
    ("v1", "Secret"): client.V1Secret,
    ("v1", "Service"): client.V1Service,
    ("apps/v1", "Deployment"): client.V1Deployment,
    ("batch/v1", "Job"): client.V1Job,
    ("networking.k8s.io/v1", "NetworkPolicy"): client.V1NetworkPolicy,
}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def required(model):
    """The fields that the API insists on, by their names there."""
    return [model.attribute_map[name] for name, field in model.model_fields.items() if field.is_required()]


def check(kind, value, path):
    """Complaints about a value of a kind as the models write them: V1Pod, List[str], Dict[str, str], …"""
    if value is None:
        yield f"{path} is null"
    elif match := re.fullmatch(r"List\[(.*)\]", kind):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for at, item in enumerate(value):
            yield from check(match[1], item, f"{path}[{at}]")
    elif match := re.fullmatch(r"Dict\[str, ?(.*)\]", kind):
        if not isinstance(value, dict):
            yield f"{path} is no map"
            return
        for name, item in value.items():
            yield from check(match[1], item, f"{path}.{name}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):
            yield f"{path} is {value!r}, not {kind}"
    elif kind in ("object", "datetime"):
        return
    else:
        yield from check_model(getattr(client, kind), value, path)


def check_model(model, value, path):
    if not isinstance(value, dict):
        yield f"{path} is no {model.__name__}"
        return
    kinds = {json_name: model.openapi_types[name] for name, json_name in model.attribute_map.items()}
    for name, item in value.items():
        if name not in kinds:
            yield f"{path}.{name} is no field of {model.__name__}"
        else:
            yield from check(kinds[name], item, f"{path}.{name}")
    for name in required(model):
        if name not in value:
            yield f"{path}.{name} is missing"


def main():
    text = open(sys.argv[1]).read() if len(sys.argv) > 1 else sys.stdin.read()
    documents = [document for document in yaml.safe_load_all(text) if document]
    wrong = []
    for document in documents:
        kind = (document["apiVersion"], document["kind"])
        wrong += check_model(MODELS[kind], document, document["kind"]) if kind in MODELS else [f"{kind} is not known here"]
    if not documents:
        wrong.append("there is no document")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    print(f"manifest: {len(documents)} objects, {', '.join(document['kind'] for document in documents)}")
    sys.exit(1 if wrong else 0)


main()
