"""A Terraform provider on top of cloud.py that really plans, applies and reads, with the AWS provider's own schema
(SMALL_CLOUD_SCHEMA). The protocol comes from the PyPI package tf."""
import json
import os
import secrets
import time

import msgpack
import tf.provider
import tf.runner
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.types import Unknown
from tf.utils import read_dynamic_value

from cloud import ACCOUNT, FORCES_REPLACEMENT, REGION, Refused, before_change, before_create, before_delete, cloud, fill_in, find, oidc_providers, roll_out

SCHEMAS = json.load(open(os.environ["SMALL_CLOUD_SCHEMA"]))["schemas"]
NESTING = {"list": pb.Schema.NestedBlock.LIST, "set": pb.Schema.NestedBlock.SET, "single": pb.Schema.NestedBlock.SINGLE}


def attribute(name, spec):
    required = spec.get("required", False)
    computed = not required and (spec.get("computed", False) or name == "id")
    return pb.Schema.Attribute(name=name, type=json.dumps(spec["type"]).encode(), required=required, optional=not required and spec.get("optional", False), computed=computed)


def block(spec):
    return pb.Schema.Block(
        attributes=[attribute(*item) for item in spec["attributes"].items()],
        block_types=[pb.Schema.NestedBlock(type_name=name, nesting=NESTING[nested["nesting"]], block=block(nested["block"])) for name, nested in spec["blocks"].items()],
    )


def schema(spec):
    return pb.Schema(version=0, block=block(spec))


PROVIDER = {
    "attributes": {name: {"type": "string", "optional": True} for name in ("region", "profile")},
    "blocks": {"default_tags": {"nesting": "list", "block": {"attributes": {"tags": {"type": ["map", "string"], "optional": True}}, "blocks": {}}}},
}


def packed(value):
    return pb.DynamicValue(msgpack=msgpack.packb(value, default=lambda it: msgpack.ExtType(0, b"\x00") if it is Unknown else it))


def errors(refused):
    return [pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=str(refused))]


class Provider(rpc.ProviderServicer):
    def __init__(self, app):
        pass

    def GetMetadata(self, request, context):
        return pb.GetMetadata.Response(server_capabilities=pb.ServerCapabilities(plan_destroy=False))

    def GetProviderSchema(self, request, context):
        return pb.GetProviderSchema.Response(
            provider=schema(PROVIDER), provider_meta=pb.Schema(block=pb.Schema.Block()),
            resource_schemas={kind: schema(spec) for kind, spec in SCHEMAS.items() if not kind.startswith("data.")},
            data_source_schemas={kind[5:]: schema(spec) for kind, spec in SCHEMAS.items() if kind.startswith("data.")},
        )

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request, context):
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request, context):
        return pb.ConfigureProvider.Response()

    def StopProvider(self, request, context):
        return pb.StopProvider.Response()

    def UpgradeResourceState(self, request, context):
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request, context):
        with cloud() as state:
            there = request.private.decode() in state["resources"]
        return pb.ReadResource.Response(new_state=request.current_state if there else packed(None), private=request.private)

    def PlanResourceChange(self, request, context):
        prior, proposed = read_dynamic_value(request.prior_state), read_dynamic_value(request.proposed_new_state)
        replaced = []
        if proposed is not None and prior is None:
            for name, spec in SCHEMAS[request.type_name]["attributes"].items():
                if proposed[name] is None and (spec.get("computed") or name == "id"):
                    proposed[name] = Unknown
        elif proposed is not None:
            replaced = [name for name in FORCES_REPLACEMENT.get(request.type_name, []) if proposed[name] != prior[name]]
        return pb.PlanResourceChange.Response(
            planned_state=packed(proposed), planned_private=request.prior_private,
            requires_replace=[pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=name)]) for name in replaced],
        )

    def ApplyResourceChange(self, request, context):
        kind = request.type_name
        prior, planned = read_dynamic_value(request.prior_state), read_dynamic_value(request.planned_state)
        key = request.planned_private.decode()
        if planned is None and kind == "aws_ecs_express_gateway_service":
            time.sleep(1)  # draining: whatever does not wait for it is gone by the time the load balancer is removed
        with cloud() as state:
            try:
                if planned is None:
                    before_delete(state, kind, prior)
                    del state["resources"][key]
                    if kind == "aws_ecs_express_gateway_service":
                        state["held"].append(prior["service_name"])
                    if kind == "aws_ecr_repository":
                        state["images"].pop(prior["name"], None)
                    state["events"].append(f"delete {kind} {prior.get('arn') or prior.get('id')}")
                    return pb.ApplyResourceChange.Response(new_state=packed(None))
                if prior is None:
                    before_create(state, kind, planned)
                    made = fill_in(state, kind, planned)
                    planned = {name: made.get(name) if value is Unknown else value for name, value in planned.items()}
                    key = secrets.token_hex(8)
                before_change(state, kind, planned)
                state["resources"][key] = {"kind": kind, "values": planned}
                roll_out(state, kind, planned)
                state["events"].append(f"{'create' if prior is None else 'update'} {kind} {planned.get('arn') or planned.get('id')}")
            except Refused as refused:
                return pb.ApplyResourceChange.Response(new_state=request.prior_state, private=request.planned_private, diagnostics=errors(refused))
        # A provider that trips after the fact, once: the object exists, Terraform marks it tainted.
        trip = os.environ.get("SMALL_CLOUD_TRIP", "")
        if prior is None and trip == kind and not os.path.exists(os.environ["SMALL_CLOUD"] + ".tripped"):
            open(os.environ["SMALL_CLOUD"] + ".tripped", "w").close()
            return pb.ApplyResourceChange.Response(new_state=packed(planned), private=key.encode(), diagnostics=errors("Provider produced inconsistent result after apply"))
        return pb.ApplyResourceChange.Response(new_state=packed(planned), private=key.encode())

    def ReadDataSource(self, request, context):
        kind, values = request.type_name, read_dynamic_value(request.config)
        with cloud() as state:
            if kind == "aws_caller_identity":
                values |= {"account_id": ACCOUNT, "id": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/me", "user_id": "me"}
            elif kind == "aws_partition":
                values |= {"partition": "aws", "id": "aws", "dns_suffix": "amazonaws.com", "reverse_dns_prefix": "com.amazonaws"}
            elif kind == "aws_region":
                values |= {"region": REGION, "name": REGION, "id": REGION, "description": "Europe (Ireland)"}
            elif kind == "aws_ecr_images":
                if not find(state, "aws_ecr_repository", name=values["repository_name"]):
                    return pb.ReadDataSource.Response(diagnostics=errors(f"RepositoryNotFoundException: {values['repository_name']}"))
                values["image_ids"] = [{"image_tag": tag, "image_digest": digest} for tag, digest in state["images"].get(values["repository_name"], {}).items()]
            elif kind == "aws_iam_openid_connect_provider":
                if not oidc_providers(state):
                    return pb.ReadDataSource.Response(diagnostics=errors("finding IAM OIDC Provider by url: not found"))
                values |= {"arn": oidc_providers(state)[0], "id": "github", "client_id_list": ["sts.amazonaws.com"]}
        return pb.ReadDataSource.Response(state=packed(values))


class App:
    """Only what tf.runner asks for."""

    def full_name(self):
        return "hashicorp/aws"


tf.provider.ProviderServicer = Provider
tf.runner.run_provider(App())
