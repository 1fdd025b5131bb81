import datetime

import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT, REGION

UTC = datetime.timezone.utc
TASK_B = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/default/0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
TASK_C = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/default/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/default/demo"
RESOURCE = {"ServiceNamespace": "ecs", "ResourceId": "service/default/demo"}


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


# ECR


@pytest.fixture
def ecr(app_runner_cloud):
    return app_runner_cloud.client("ecr")


def test_the_deployed_image_is_described(ecr):
    (image,) = ecr.describe_images(repositoryName="demo", filter={"tagStatus": "TAGGED"})["imageDetails"]
    assert image["imageTags"] == ["v1"]
    assert image["registryId"] == ACCOUNT
    assert image["imageDigest"].startswith("sha256:") and len(image["imageDigest"]) == 71
    assert image["imageSizeInBytes"] == 2621440
    assert image["imagePushedAt"] < datetime.datetime.now(UTC)


def test_an_image_that_is_pushed_shows_and_is_found_by_tag_and_by_digest(ecr, app_runner_cloud):
    app_runner_cloud.order(push="v2")
    pages = list(ecr.get_paginator("describe_images").paginate(repositoryName="demo", PaginationConfig={"PageSize": 1}))
    assert [image["imageTags"] for page in pages for image in page["imageDetails"]] == [["v1"], ["v2"]]
    (by_tag,) = ecr.describe_images(repositoryName="demo", imageIds=[{"imageTag": "v2"}])["imageDetails"]
    (by_digest,) = ecr.describe_images(repositoryName="demo", imageIds=[{"imageDigest": by_tag["imageDigest"]}])["imageDetails"]
    assert by_digest == by_tag
    assert abs(datetime.datetime.now(UTC) - by_tag["imagePushedAt"]) < datetime.timedelta(seconds=30)


def test_missing_repositories_and_images_are_named(ecr):
    assert code_of(ecr.describe_images, repositoryName="absent") == "RepositoryNotFoundException"
    assert code_of(ecr.describe_images, repositoryName="demo", imageIds=[{"imageTag": "v9"}]) == "ImageNotFoundException"
    assert code_of(ecr.describe_repositories, repositoryNames=["absent"]) == "RepositoryNotFoundException"


def test_the_repository_and_a_token_are_there(ecr):
    (repository,) = ecr.describe_repositories(repositoryNames=["demo"])["repositories"]
    assert repository["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/demo"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    (token,) = ecr.get_authorization_token()["authorizationData"]
    assert token["proxyEndpoint"] == f"https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
    life = token["expiresAt"] - datetime.datetime.now(UTC)
    assert datetime.timedelta(hours=11) < life < datetime.timedelta(hours=13)


def test_ecr_throttles_on_request(ecr, app_runner_cloud):
    app_runner_cloud.order(fault={"fault": "throttle", "operation": "DescribeImages"})
    assert code_of(ecr.describe_images, repositoryName="demo") == "ThrottlingException"


# ECS


@pytest.fixture
def ecs(ecs_cloud):
    return ecs_cloud.client("ecs")


def test_a_service_says_how_many_tasks_run_wait_and_are_wanted(ecs):
    answer = ecs.describe_services(cluster="default", services=["demo", "absent"])
    (service,) = answer["services"]
    assert (service["runningCount"], service["pendingCount"], service["desiredCount"]) == (2, 1, 3)
    assert service["serviceArn"] == SERVICE
    assert service["status"] == "ACTIVE"
    assert service["resourceManagementType"] == "ECS"
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert "set its desired count to 3" in service["events"][0]["message"]
    (failure,) = answer["failures"]
    assert failure == {"arn": SERVICE.replace("demo", "absent"), "reason": "MISSING"}


def test_unknown_clusters_and_bad_requests_are_refused(ecs):
    assert code_of(ecs.describe_services, cluster="absent", services=["demo"]) == "ClusterNotFoundException"
    assert code_of(ecs.list_tasks, cluster="default", serviceName="absent") == "ServiceNotFoundException"
    assert code_of(ecs.describe_services, services=["s"] * 11) == "InvalidParameterException"
    assert code_of(ecs.describe_express_gateway_service, serviceArn=SERVICE + "x") == "ResourceNotFoundException"
    assert code_of(ecs.list_clusters) == "UnknownOperationException"


def test_express_services_are_listed_and_say_their_url_and_scaling(ecs):
    arns = [
        arn
        for page in ecs.get_paginator("list_services").paginate(cluster="default", resourceManagementType="ECS")
        for arn in page["serviceArns"]
    ]
    assert arns[0] == SERVICE and len(arns) == 25
    assert ecs.list_services(cluster="default", resourceManagementType="CUSTOMER")["serviceArns"] == []
    service = ecs.describe_express_gateway_service(serviceArn=SERVICE)["service"]
    (active,) = service["activeConfigurations"]
    assert active["ingressPaths"] == [{"accessType": "PUBLIC", "endpoint": "127.0.0.1:8123"}]
    assert active["scalingTarget"] == {
        "minTaskCount": 1,
        "maxTaskCount": 5,
        "autoScalingMetric": "AVERAGE_CPU",
        "autoScalingTargetValue": 60,
    }
    assert service["status"]["statusCode"] == "ACTIVE"


def test_tasks_say_when_they_were_created_pulled_and_started(ecs):
    arns = ecs.list_tasks(cluster="default", serviceName="demo")["taskArns"]
    assert len(arns) == 3 and arns[1] == TASK_B
    answer = ecs.describe_tasks(cluster="default", tasks=[TASK_B, TASK_C, "absent"])
    ready, starting = answer["tasks"]
    assert ready["lastStatus"] == "RUNNING" and ready["healthStatus"] == "UNKNOWN"
    assert ready["startedAt"] - ready["createdAt"] == datetime.timedelta(seconds=8)
    assert ready["pullStoppedAt"] - ready["pullStartedAt"] == datetime.timedelta(seconds=8)
    assert ready["containers"][0]["image"].endswith("/demo:v1")
    assert starting["lastStatus"] == "PENDING" and "startedAt" not in starting
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    assert ecs.list_tasks(cluster="default", desiredStatus="STOPPED")["taskArns"] == []


def test_the_cluster_is_described(ecs):
    answer = ecs.describe_clusters(clusters=["default", "absent"])
    (cluster,) = answer["clusters"]
    assert (cluster["clusterName"], cluster["runningTasksCount"]) == ("default", 2)
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


# Application Auto Scaling


@pytest.fixture
def scaling(ecs_cloud):
    return ecs_cloud.client("application-autoscaling")


def test_limits_and_policy_are_described(scaling):
    (target,) = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=["service/default/demo"], ScalableDimension="ecs:service:DesiredCount"
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 5)
    (policy,) = scaling.describe_scaling_policies(**RESOURCE)["ScalingPolicies"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["TargetValue"], tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (60.0, 300, 300)
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "ECSServiceAverageCPUUtilization"
    assert [alarm["AlarmName"] for alarm in policy["Alarms"]] == ["demo-AlarmHigh", "demo-AlarmLow"]
    other = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/default/other"])
    assert other["ScalableTargets"] == []


def test_activities_come_newest_first_with_their_cause(scaling):
    activities = scaling.describe_scaling_activities(**RESOURCE)["ScalingActivities"]
    assert [activity["Description"] for activity in activities] == ["Setting desired count to 3.", "Setting desired count to 2."]
    assert [activity["StatusCode"] for activity in activities] == ["InProgress", "Successful"]
    assert activities[0]["Cause"] == "monitor alarm demo-AlarmHigh in state ALARM triggered policy cpu-target-tracking"
    assert activities[0]["StartTime"] - activities[1]["StartTime"] == datetime.timedelta(seconds=3594 - 901)


def test_what_was_not_scaled_is_told_with_its_reason_when_asked_for(scaling):
    pages = scaling.get_paginator("describe_scaling_activities").paginate(
        **RESOURCE, IncludeNotScaledActivities=True, PaginationConfig={"PageSize": 2}
    )
    activities = [activity for page in pages for activity in page["ScalingActivities"]]
    assert len(activities) == 3
    (reason,) = activities[1]["NotScaledReasons"]
    assert reason == {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 5, "MinCapacity": 1, "CurrentCapacity": 2}
    assert code_of(scaling.describe_scaling_activities, **RESOURCE, NextToken="x") == "InvalidNextTokenException"


@pytest.mark.parametrize("service, call, arguments", [
    ("ecs", "describe_services", {"services": ["demo"]}),
    ("ecs", "list_tasks", {}),
    ("application-autoscaling", "describe_scaling_activities", RESOURCE),
])
@pytest.mark.parametrize("fault, code", [("throttle", "ThrottlingException"), ("access_denied", "AccessDeniedException")])
def test_trouble_on_request(ecs_cloud, service, call, arguments, fault, code):
    ecs_cloud.order(fault={"fault": fault})
    assert code_of(getattr(ecs_cloud.client(service), call), **arguments) == code
