"""A small cloud in one JSON file, for tests/life_cycle.sh. It keeps what is made and refuses what AWS refuses: an image
that is missing, a scaling configuration in use, a repository with images, a role with policies, a name that is held.
The Terraform provider beside it and the stand-ins for aws, docker, curl and gh all act on it."""
import contextlib
import fcntl
import json
import os
import secrets

ACCOUNT, REGION = "123456789012", "eu-west-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


class Refused(Exception):
    """What AWS answers instead of doing it."""


@contextlib.contextmanager
def cloud():
    """The whole state, locked while it is held."""
    path = os.environ["SMALL_CLOUD"]
    with open(path, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        state = json.loads(text) if text else {"resources": {}, "images": {}, "logs": [], "held": [], "events": [], "revisions": {}, "rollouts": {}}
        yield state
        # Only whole: what cannot be written must not cut off what is there.
        text = json.dumps(state, indent=1)
        file.seek(0)
        file.truncate()
        file.write(text)


def resources(state, kind):
    return [entry["values"] for entry in state["resources"].values() if entry["kind"] == kind]


def find(state, kind, **wanted):
    return next((values for values in resources(state, kind) if all(values.get(name) == value for name, value in wanted.items())), None)


# --- what each type refuses, and what it fills in ------------------------------------------------------------------------

IDENTITY = {  # the attributes that must be unique in the account
    "aws_ecr_repository": ["name"], "aws_iam_role": ["name"], "aws_iam_user": ["name"], "aws_ecs_cluster": ["name"],
    "aws_apprunner_service": ["service_name"], "aws_ecs_express_gateway_service": ["service_name"],
    "aws_cloudwatch_log_group": ["name"], "aws_iam_openid_connect_provider": ["url"],
}
FORCES_REPLACEMENT = IDENTITY | {
    "aws_apprunner_auto_scaling_configuration_version": ["auto_scaling_configuration_name", "max_concurrency", "min_size", "max_size"],
    "aws_iam_role_policy": ["name", "role"], "aws_iam_role_policy_attachment": ["role", "policy_arn"],
    "aws_cloudwatch_dashboard": ["dashboard_name"], "aws_ecr_lifecycle_policy": ["repository", "policy"],
    "aws_ecs_express_gateway_service": ["service_name", "cluster", "infrastructure_role_arn"],
}


def require_image(state, image):
    name, _, tag = image.removeprefix(f"{REGISTRY}/").partition(":")
    if tag not in state["images"].get(name, {}):
        raise Refused("Failed to pull your application image. Be sure you configure your service with a valid access role.")


def require_policies(state, arn, what):
    role = next((role for role in resources(state, "aws_iam_role") if role["arn"] == arn), None)
    attached = role and (find(state, "aws_iam_role_policy", role=role["name"]) or find(state, "aws_iam_role_policy_attachment", role=role["name"]))
    if not attached:
        raise Refused(f"{what}: the role {arn} is missing or has no policy")


def oidc_providers(state):
    """The ARNs of GitHub's provider: ours, or one that somebody else has made."""
    return state.get("foreign_oidc", []) + [provider["arn"] for provider in resources(state, "aws_iam_openid_connect_provider")]


def roll_out(state, kind, new):
    """A deployment begins: it is in progress for two more looks, and may end in a rollback. Until then the old image serves."""
    if kind == "aws_apprunner_service":
        image = new["source_configuration"][0]["image_repository"][0]["image_identifier"]
        state["rollouts"][new["arn"]] = {"looks": 2, "image": image}
    elif kind == "aws_ecs_express_gateway_service":
        name, _, tag = new["primary_container"][0]["image"].removeprefix(f"{REGISTRY}/").partition(":")
        state["rollouts"][new["service_name"]] = {"looks": 2, "image": state["images"][name][tag]}


def look(state, service):
    """Whether the service's deployment is still in progress, which one look fewer will see."""
    rollout = state["rollouts"][service]
    rollout["looks"] -= 1
    return rollout["looks"] >= 0


def before_create(state, kind, new):
    for name in IDENTITY.get(kind, []):
        if find(state, kind, **{name: new[name]}):
            raise Refused(f"EntityAlreadyExists: {kind} {new[name]}")
    if kind == "aws_iam_openid_connect_provider" and oidc_providers(state):
        raise Refused(f"EntityAlreadyExists: Provider with url {new['url']} already exists.")
    if kind == "aws_apprunner_service":
        if os.environ.get("SMALL_CLOUD_CLOSED"):
            raise Refused("AccessDeniedException: the account may not create App Runner services")
        require_image(state, new["source_configuration"][0]["image_repository"][0]["image_identifier"])
        require_policies(state, new["source_configuration"][0]["authentication_configuration"][0]["access_role_arn"], "access role")
    if kind == "aws_ecs_express_gateway_service":
        if os.environ.get("SMALL_CLOUD_NEW_ACCOUNT") and not state.get("linked_role"):
            state["linked_role"] = True
            raise Refused("Unable to assume the service linked role. Please verify that the ECS service linked role exists.")
        if new["service_name"] in state["held"]:
            raise Refused(f"Unable to create the service {new['service_name']}: the name is still in use")
        if not find(state, "aws_ecs_cluster", name=new["cluster"]):
            raise Refused("ClusterNotFoundException")
        require_image(state, new["primary_container"][0]["image"])
        require_policies(state, new["execution_role_arn"], "execution role")
        require_policies(state, new["infrastructure_role_arn"], "infrastructure role")


def before_change(state, kind, new):
    if kind == "aws_apprunner_service" and not find(state, "aws_apprunner_auto_scaling_configuration_version", arn=new["auto_scaling_configuration_arn"]):
        raise Refused("InvalidRequestException: no such auto scaling configuration")


def before_delete(state, kind, old):
    if kind == "aws_apprunner_auto_scaling_configuration_version" and find(state, "aws_apprunner_service", auto_scaling_configuration_arn=old["arn"]):
        raise Refused("You can't delete the auto scaling configuration. It's used by one or more services.")
    if kind == "aws_ecr_repository" and state["images"].get(old["name"]) and not old["force_delete"]:
        raise Refused(f"RepositoryNotEmptyException: {old['name']}")
    if kind == "aws_iam_role" and (find(state, "aws_iam_role_policy", role=old["name"]) or find(state, "aws_iam_role_policy_attachment", role=old["name"])):
        raise Refused("DeleteConflict: Cannot delete entity, must delete policies first.")
    if kind == "aws_ecs_cluster" and find(state, "aws_ecs_express_gateway_service", cluster=old["name"]):
        raise Refused("ClusterContainsServicesException")
    if kind == "aws_ecs_express_gateway_service":
        require_policies(state, old["infrastructure_role_arn"], "removing the load balancer")


def fill_in(state, kind, new):
    """What AWS answers a create with."""
    name = next((new[key] for key in ("name", "service_name", "auto_scaling_configuration_name", "dashboard_name", "user", "url", "role") if new.get(key)), "x")
    made = {"id": name, "arn": f"arn:aws:iam::{ACCOUNT}:{kind.removeprefix('aws_iam_')}/{name}"}
    if kind == "aws_iam_openid_connect_provider":
        made["arn"] = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{name.removeprefix('https://')}"
    elif kind == "aws_ecr_repository":
        made |= {"arn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}", "repository_url": f"{REGISTRY}/{name}", "registry_id": ACCOUNT}
    elif kind == "aws_apprunner_auto_scaling_configuration_version":
        revision = state["revisions"][name] = state["revisions"].get(name, 0) + 1
        if len([other for other in resources(state, kind) if other["auto_scaling_configuration_name"] == name]) >= 5:
            raise Refused("ServiceQuotaExceededException: revisions")
        made |= {"arn": f"arn:aws:apprunner:{REGION}:{ACCOUNT}:autoscalingconfiguration/{name}/{revision}/{secrets.token_hex(16)}", "auto_scaling_configuration_revision": revision,
                 "latest": True, "is_default": False, "has_associated_service": False, "status": "ACTIVE"}
    elif kind == "aws_apprunner_service":
        identity = secrets.token_hex(16)
        made |= {"arn": f"arn:aws:apprunner:{REGION}:{ACCOUNT}:service/{name}/{identity}", "service_id": identity, "service_url": f"{identity[:10]}.{REGION}.awsapprunner.com", "status": "RUNNING"}
        state["logs"] += [f"/aws/apprunner/{name}/{identity}/service", f"/aws/apprunner/{name}/{identity}/application"]
    elif kind == "aws_ecs_express_gateway_service":
        made |= {"service_arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{new['cluster']}/{name}", "ingress_paths": [{"access_type": "PUBLIC", "endpoint": f"{name}.ecs.{REGION}.on.aws"}]}
    elif kind == "aws_iam_access_key":
        made |= {"id": "AKIA" + secrets.token_hex(8).upper(), "secret": secrets.token_urlsafe(30)}
    return made
