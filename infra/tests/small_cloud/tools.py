"""Stand-ins for aws, docker and curl, as far as the scripts use them, on top of cloud.py: tools.py TOOL ARGUMENT…"""
import sys

from cloud import ACCOUNT, REGION, REGISTRY, cloud, resources

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
    elif words[:2] == ["sts", "get-caller-identity"]:
        print(ACCOUNT)
    elif words[:2] == ["ecr", "get-login-password"]:
        print("token")
    elif words[:2] == ["ecr", "describe-images"]:
        assert option("--region") == REGION, words
        digest = state["images"].get(option("--repository-name"), {}).get(option("--image-ids").removeprefix("imageTag="))
        print(digest or refuse("(ImageNotFoundException) when calling the DescribeImages operation"))
    elif words[:2] == ["iam", "list-open-id-connect-providers"]:
        print("\t".join(state.get("foreign_oidc", [])))
    elif words[:2] == ["apprunner", "describe-service"]:
        print(next(service["status"] for service in resources(state, "aws_apprunner_service") if service["arn"] == option("--service-arn")))
    elif words[:2] == ["ecs", "describe-express-gateway-service"]:
        print(next("ACTIVE" for service in resources(state, "aws_ecs_express_gateway_service") if service["service_arn"] == option("--service-arn")))
    elif words[:2] == ["logs", "describe-log-groups"]:
        print("\t".join(name for name in state["logs"] if name.startswith(option("--log-group-name-prefix"))))
    elif words[:2] == ["logs", "delete-log-group"]:
        state["logs"].remove(option("--log-group-name"))
    else:
        refuse(f"the small cloud does not know: {tool} {' '.join(words)}")
