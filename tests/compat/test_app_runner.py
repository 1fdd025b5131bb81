import datetime

import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT, REGION


@pytest.fixture
def client(app_runner_cloud):
    return app_runner_cloud.client("apprunner")


@pytest.fixture
def arn(client):
    return client.list_services(MaxResults=1)["ServiceSummaryList"][0]["ServiceArn"]


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response


def test_services_are_listed_page_by_page_each_once(client):
    pages = [client.list_services(MaxResults=10)]
    while "NextToken" in pages[-1]:
        pages.append(client.list_services(MaxResults=10, NextToken=pages[-1]["NextToken"]))
    assert [len(page["ServiceSummaryList"]) for page in pages] == [10, 10, 5]
    names = [service["ServiceName"] for page in pages for service in page["ServiceSummaryList"]]
    assert names == ["demo"] + [f"other-{n:02}" for n in range(24)]
    first = pages[0]["ServiceSummaryList"][0]
    assert first["ServiceUrl"] == "127.0.0.1:8123"
    assert first["Status"] == "RUNNING"
    assert first["ServiceArn"] == f"arn:aws:apprunner:{REGION}:{ACCOUNT}:service/demo/{first['ServiceId']}"
    assert len(first["ServiceId"]) == 32
    age = datetime.datetime.now(datetime.timezone.utc) - first["CreatedAt"]
    assert datetime.timedelta(minutes=59) < age < datetime.timedelta(minutes=120)


def test_a_bad_token_and_a_bad_page_size_are_refused(client):
    assert error_of(client.list_services, NextToken="nonsense")["Error"]["Code"] == "InvalidRequestException"
    assert error_of(client.list_services, MaxResults=20, NextToken="page-99")["Error"]["Code"] == "InvalidRequestException"


def test_a_service_is_described_with_every_required_member(client, arn):
    service = client.describe_service(ServiceArn=arn)["Service"]
    required = client.meta.service_model.shape_for("Service").required_members
    assert set(required) <= set(service)
    assert service["ServiceUrl"] == "127.0.0.1:8123"
    image = service["SourceConfiguration"]["ImageRepository"]
    assert image["ImageIdentifier"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/demo:v1"
    assert image["ImageConfiguration"]["Port"] == "8080"
    assert service["SourceConfiguration"]["AutoDeploymentsEnabled"] is False
    assert service["InstanceConfiguration"] == {"Cpu": "256", "Memory": "512"}
    assert service["HealthCheckConfiguration"]["HealthyThreshold"] == 1
    assert service["NetworkConfiguration"]["IngressConfiguration"]["IsPubliclyAccessible"] is True


def test_an_unknown_service_is_not_found(client):
    answer = error_of(client.describe_service, ServiceArn=f"arn:aws:apprunner:{REGION}:{ACCOUNT}:service/nope/0")
    assert answer["Error"]["Code"] == "ResourceNotFoundException"
    assert "does not exist" in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_scaling_limits_are_described_also_by_a_partial_arn(client, arn):
    summary = client.describe_service(ServiceArn=arn)["Service"]["AutoScalingConfigurationSummary"]
    whole = summary["AutoScalingConfigurationArn"]
    for given in (whole, whole.rsplit("/", 1)[0], whole.rsplit("/", 2)[0]):
        config = client.describe_auto_scaling_configuration(AutoScalingConfigurationArn=given)["AutoScalingConfiguration"]
        assert (config["MinSize"], config["MaxSize"], config["MaxConcurrency"]) == (1, 5, 10)
        assert config["AutoScalingConfigurationArn"] == whole
        assert config["Status"] == "ACTIVE"
        assert config["Latest"] is True
    answer = error_of(client.describe_auto_scaling_configuration, AutoScalingConfigurationArn=whole + "0")
    assert answer["Error"]["Code"] == "ResourceNotFoundException"


def test_scaling_configurations_are_listed_by_name(client):
    listed = client.list_auto_scaling_configurations()["AutoScalingConfigurationSummaryList"]
    assert [item["AutoScalingConfigurationName"] for item in listed] == ["demo"]
    none = client.list_auto_scaling_configurations(AutoScalingConfigurationName="absent")
    assert none["AutoScalingConfigurationSummaryList"] == []


def test_operations_are_listed_newest_first(client, arn, app_runner_cloud):
    created = client.list_operations(ServiceArn=arn)["OperationSummaryList"]
    assert [(item["Type"], item["Status"]) for item in created] == [("CREATE_SERVICE", "SUCCEEDED")]
    app_runner_cloud.order(operation="UPDATE_SERVICE")
    both = client.list_operations(ServiceArn=arn)["OperationSummaryList"]
    assert [(item["Type"], item["Status"]) for item in both] == [
        ("UPDATE_SERVICE", "IN_PROGRESS"),
        ("CREATE_SERVICE", "SUCCEEDED"),
    ]
    assert both[0]["TargetArn"] == arn
    assert "EndedAt" not in both[0]
    assert client.describe_service(ServiceArn=arn)["Service"]["Status"] == "OPERATION_IN_PROGRESS"


def test_pausing_and_resuming_change_the_status_once(client, arn):
    paused = client.pause_service(ServiceArn=arn)
    assert paused["Service"]["Status"] == "PAUSED"
    assert len(paused["OperationId"]) == 36
    again = error_of(client.pause_service, ServiceArn=arn)
    assert again["Error"]["Code"] == "InvalidStateException"
    assert again["Error"]["Message"] == "Service cannot be paused in the current state: PAUSED."
    assert client.resume_service(ServiceArn=arn)["Service"]["Status"] == "RUNNING"


def test_another_region_has_no_service_of_ours(app_runner_cloud, arn):
    elsewhere = app_runner_cloud.client("apprunner", region="us-east-1")
    assert elsewhere.list_services()["ServiceSummaryList"] == []
    assert error_of(elsewhere.describe_service, ServiceArn=arn)["Error"]["Code"] == "ResourceNotFoundException"


def test_an_operation_that_is_not_offered_is_unknown(client):
    assert error_of(client.list_connections)["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize(
    "fault, code, status",
    [
        ("throttle", "ThrottlingException", 400),
        ("expired_token", "ExpiredTokenException", 400),
        ("unknown_key", "UnrecognizedClientException", 400),
        ("access_denied", "AccessDeniedException", 400),
        ("closed_to_new_customers", "AccessDeniedException", 400),
        ("server_error", "InternalFailure", 500),
    ],
)
def test_trouble_is_answered_as_the_cloud_words_it(client, app_runner_cloud, fault, code, status):
    app_runner_cloud.order(fault={"fault": fault, "operation": "ListServices"})
    answer = error_of(client.list_services)
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    if fault == "access_denied":
        assert "not authorized to perform: apprunner:ListServices" in answer["Error"]["Message"]


def test_throttling_that_passes_is_retried_by_the_client(app_runner_cloud):
    app_runner_cloud.order(fault={"fault": "throttle", "operation": "ListServices", "times": 2})
    patient = app_runner_cloud.client("apprunner", attempts=3)
    answer = patient.list_services(MaxResults=1)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert answer["ServiceSummaryList"][0]["ServiceName"] == "demo"


def test_an_unsigned_request_is_refused(app_runner_cloud):
    answer = error_of(app_runner_cloud.client("apprunner", signed=False).list_services)
    assert answer["Error"]["Code"] == "MissingAuthenticationTokenException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
