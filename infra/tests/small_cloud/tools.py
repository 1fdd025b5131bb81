"""Stand-ins for aws, docker, curl and gh, as far as the scripts use them, on top of cloud.py: tools.py TOOL ARGUMENT…"""
import json
import os
import sys

from cloud import ACCOUNT, REGION, REGISTRY, cloud, look, oidc_providers, resources

tool, *words = sys.argv[1:]


def option(name):
    return words[words.index(name) + 1]


def refuse(message):
    sys.exit(f"An error occurred: {message}")


if tool == "docker" and words[0] == "login":
    # Before the cloud is locked: the other end of the pipe needs it too.
    assert sys.stdin.read().strip() == "token" and words[-1] == REGISTRY, words

with cloud() as state:
    if tool == "docker":
        if words[0] == "build":
            assert option("--platform") == "linux/amd64", words
        elif words[0] == "push":
            name, _, tag = words[1].removeprefix(f"{REGISTRY}/").partition(":")
            if tag in state["images"].setdefault(name, {}):
                refuse("tag invalid: the image tag is immutable")
            state["images"][name][tag] = "sha256:" + tag
        if words[0] in ("build", "push"):
            state["events"].append(f"docker {words[0]}")
    elif tool == "curl":
        hosts = [service["service_url"] for service in resources(state, "aws_apprunner_service")]
        hosts += [service["ingress_paths"][0]["endpoint"] for service in resources(state, "aws_ecs_express_gateway_service")]
        sys.exit(0 if words[-1] in [f"https://{host}/healthz" for host in hosts] else 22)
    elif tool == "gh":
        if os.environ.get("SMALL_CLOUD_NO_GH"):
            sys.exit("To get started with GitHub CLI, please run:  gh auth login")
        assert words[0] == "api" and option("--jq") == r'"\(.owner.id) \(.id)"', words
        repository = {"repos/scaletop/scaletop": "1001 2002", "repos/else/where": "3003 4004"}.get(words[1])
        print(repository or refuse("gh: Not Found (HTTP 404)"))
    elif words[:2] == ["sts", "get-caller-identity"]:
        print(ACCOUNT)
    elif words[:2] == ["ecr", "get-login-password"]:
        print("token")
    elif words[:2] == ["ecr", "describe-images"]:
        assert option("--region") == REGION and option("--registry-id") == ACCOUNT, words
        digest = state["images"].get(option("--repository-name"), {}).get(option("--image-ids").removeprefix("imageTag="))
        print(digest or refuse("(ImageNotFoundException) when calling the DescribeImages operation"))
    elif words[:2] == ["iam", "list-open-id-connect-providers"]:
        print("\t".join(oidc_providers(state)))
    elif words[:2] == ["iam", "list-roles"]:
        if os.environ.get("SMALL_CLOUD_NO_LIST_ROLES"):
            refuse("(AccessDenied) when calling the ListRoles operation")
        asked = option("--query").split("'")[1]
        roles = [(role["name"], role["assume_role_policy"]) for role in resources(state, "aws_iam_role")] + state.get("foreign_roles", [])
        print("\t".join(name for name, trust in roles if asked in trust))
    elif words[:2] == ["apprunner", "list-operations"]:
        print("UPDATE_SERVICE\tIN_PROGRESS" if look(state, option("--service-arn")) else "UPDATE_SERVICE\tSUCCEEDED")
    elif words[:2] == ["apprunner", "describe-service"]:
        service = next(service for service in resources(state, "aws_apprunner_service") if service["arn"] == option("--service-arn"))
        image = state["rollouts"][service["arn"]]["image"]
        print(service["status"] if option("--query") == "Service.Status" else f"{service['status']}\t{image}")
    elif words[:2] == ["ecs", "list-service-deployments"]:
        if look(state, option("--service")):
            print("IN_PROGRESS\tarn:revision\tNone")
        elif os.environ.get("SMALL_CLOUD_ROLLBACK"):
            print("ROLLBACK_SUCCESSFUL\tarn:revision\tService deployment rolled back because of alarm(s) in ALARM")
        else:
            print("SUCCESSFUL\tarn:revision\tNone")
    elif words[:2] == ["ecs", "describe-services"] and "events" in option("--query"):
        print("2026-11-28T00:00:00\t(service x) was unable to place a task")
    elif words[:2] == ["ecs", "describe-services"]:
        # While a deployment goes on there are two; the state of the rollout is not said of a canary.
        going = state["rollouts"][option("--services")]["looks"] >= 0
        print("1\t1\t0\t2\tNone" if going else "1\t1\t0\t1\tNone")
    elif words[:2] == ["ecs", "describe-service-revisions"]:
        print("\t".join(rollout["image"] for name, rollout in state["rollouts"].items() if not name.startswith("arn:")))
    elif words[:2] == ["ecs", "list-tasks"]:
        print("arn:task")
    elif words[:2] == ["ecs", "describe-tasks"]:
        print("TaskFailedToStart\tCannotPullContainerError: pull image manifest has been retried\tNone")
    elif words[:2] == ["ecs", "describe-express-gateway-service"] and "--generate-cli-skeleton" in words:
        if os.environ.get("SMALL_CLOUD_OLD_CLI"):
            sys.exit("aws: error: argument operation: Invalid choice")
        print(json.dumps({"serviceArn": ""}))
    elif words[:1] == ["--version"]:
        print("aws-cli/2.9.0 Python/3.11")
    elif words[:2] == ["ecs", "describe-express-gateway-service"]:
        print(next("ACTIVE" for service in resources(state, "aws_ecs_express_gateway_service") if service["service_arn"] == option("--service-arn")))
    elif words[:2] == ["logs", "describe-log-groups"]:
        print("\t".join(name for name in state["logs"] if name.startswith(option("--log-group-name-prefix"))))
    elif words[:2] == ["logs", "delete-log-group"]:
        state["logs"].remove(option("--log-group-name"))
    else:
        refuse(f"the small cloud does not know: {tool} {' '.join(words)}")
