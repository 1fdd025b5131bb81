"""GetMetricData in each of CloudWatch's three protocols, against the formula of tests/support/fixed_cloud.rs."""

import datetime
import gzip

import pytest
from botocore.exceptions import ClientError

UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)


def minute_of(at):
    return int(at.timestamp()) // 60


EXPECTED = {
    ("ActiveInstances", "Maximum"): lambda m: m % 5 + 1,
    ("Requests", "Sum"): lambda m: 1200,
    ("2xxStatusResponses", "Sum"): lambda m: 1080,
    ("4xxStatusResponses", "Sum"): lambda m: 60,
    ("5xxStatusResponses", "Sum"): lambda m: 60,
    ("RequestLatency", "Average"): lambda m: 80,
    ("RequestLatency", "Maximum"): lambda m: 100 + m % 10,
    ("Concurrency", "Maximum"): lambda m: 7,
    ("CPUUtilization", "Average"): lambda m: 50 + m % 10,
}


@pytest.fixture
def client(app_runner_cloud, protocol):
    client = app_runner_cloud.client("cloudwatch")
    assert client.meta.service_model.resolved_protocol == protocol
    return client


@pytest.fixture
def dimensions(app_runner_cloud):
    service = app_runner_cloud.client("apprunner").list_services(MaxResults=1)["ServiceSummaryList"][0]
    return [{"Name": "ServiceName", "Value": "demo"}, {"Name": "ServiceID", "Value": service["ServiceId"]}]


def query(id, metric, stat, dimensions, period=60, namespace="AWS/AppRunner"):
    metric = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, "ReturnData": True}


def window(minutes=15):
    """From `minutes` ago to 3 minutes ago, on whole minutes: what is older than 3 minutes does not change any more."""
    now = datetime.datetime.now(UTC).replace(second=0, microsecond=0)
    return {"StartTime": now - minutes * MINUTE, "EndTime": now - 3 * MINUTE}


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_every_metric_has_the_value_of_its_formula_at_every_minute(client, dimensions):
    queries = [query(f"m{n}", metric, stat, dimensions) for n, (metric, stat) in enumerate(EXPECTED)]
    asked = window()
    answer = client.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **asked)
    assert [series["Id"] for series in answer["MetricDataResults"]] == [query["Id"] for query in queries]
    minutes = [asked["StartTime"] + n * MINUTE for n in range(12)]
    for series, ((metric, stat), value) in zip(answer["MetricDataResults"], EXPECTED.items()):
        assert series["StatusCode"] == "Complete"
        assert series["Label"] == metric
        assert [at.astimezone(UTC) for at in series["Timestamps"]] == minutes
        assert series["Values"] == [pytest.approx(value(minute_of(at))) for at in minutes], (metric, stat)
    assert "NextToken" not in answer


def test_points_come_newest_first_unless_asked_otherwise(client, dimensions):
    answer = client.get_metric_data(MetricDataQueries=[query("a", "Requests", "Sum", dimensions)], **window())
    times = answer["MetricDataResults"][0]["Timestamps"]
    assert times == sorted(times, reverse=True) and len(times) == 12


def test_what_is_younger_than_two_minutes_is_not_published_and_the_newest_point_is_growing(client, dimensions):
    now = datetime.datetime.now(UTC)
    answer = client.get_metric_data(
        MetricDataQueries=[query("a", "Requests", "Sum", dimensions)],
        StartTime=now - 10 * MINUTE,
        EndTime=now + MINUTE,
        ScanBy="TimestampAscending",
    )
    series = answer["MetricDataResults"][0]
    newest, value = series["Timestamps"][-1], series["Values"][-1]
    assert datetime.timedelta(minutes=2) <= now - newest < datetime.timedelta(minutes=3, seconds=5)
    assert 20 <= value <= 1200
    if (now - newest) < datetime.timedelta(minutes=2, seconds=55):
        assert value < 1200


def test_pages_cut_series_and_say_so_and_together_hold_everything(client, dimensions):
    queries = [query("a", "Requests", "Sum", dimensions), query("b", "ActiveInstances", "Maximum", dimensions)]
    asked = dict(MetricDataQueries=queries, ScanBy="TimestampAscending", MaxDatapoints=10, **window())
    pages, token = [], None
    while True:
        page = client.get_metric_data(**asked, **({"NextToken": token} if token else {}))
        pages.append(page)
        token = page.get("NextToken")
        if not token:
            break
    assert [sum(len(series["Values"]) for series in page["MetricDataResults"]) for page in pages] == [10, 10, 4]
    first = {series["Id"]: series for series in pages[0]["MetricDataResults"]}
    assert (first["a"]["StatusCode"], first["b"]["StatusCode"]) == ("PartialData", "PartialData")
    second = {series["Id"]: series for series in pages[1]["MetricDataResults"]}
    assert (second["a"]["StatusCode"], second["b"]["StatusCode"]) == ("Complete", "PartialData")
    values = {"a": [], "b": []}
    for page in pages:
        for series in page["MetricDataResults"]:
            values[series["Id"]] += series["Values"]
    assert values["a"] == [1200] * 12
    start = minute_of(asked["StartTime"])
    assert values["b"] == [(start + n) % 5 + 1 for n in range(12)]
    assert code_of(client.get_metric_data, **asked, NextToken="nonsense") in ("InvalidNextToken", "InvalidNextTokenException")


def test_partial_data_can_be_ordered_and_the_next_page_completes_it(client, dimensions, app_runner_cloud):
    app_runner_cloud.order(fault={"fault": "partial", "operation": "GetMetricData", "times": 1})
    asked = dict(MetricDataQueries=[query("a", "Requests", "Sum", dimensions)], **window())
    first = client.get_metric_data(**asked)
    assert first["MetricDataResults"][0]["StatusCode"] == "PartialData"
    second = client.get_metric_data(**asked, NextToken=first["NextToken"])
    assert second["MetricDataResults"][0]["StatusCode"] == "Complete"
    counts = [len(page["MetricDataResults"][0]["Values"]) for page in (first, second)]
    assert counts == [6, 6]


def test_what_does_not_exist_is_an_empty_series_and_no_error(client, dimensions):
    queries = [
        query("a", "RequestCount", "Sum", dimensions),
        query("b", "Requests", "Sum", dimensions[:1]),
        query("c", "Requests", "Sum", dimensions, namespace="AWS/Wrong"),
        query("d", "MemoryUtilization", "Average", dimensions),
        query("e", "RequestLatency", "p99", dimensions),
        query("f", "Requests", "Sum", dimensions, period=10),
    ]
    results = client.get_metric_data(MetricDataQueries=queries, **window())["MetricDataResults"]
    assert [(series["Id"], series["Values"], series["StatusCode"]) for series in results] == [
        (id, [], "Complete") for id in "abcdef"
    ]


def test_a_longer_period_merges_minutes_by_its_statistic(client, dimensions):
    start = datetime.datetime.fromtimestamp((minute_of(datetime.datetime.now(UTC)) // 5 - 3) * 300, UTC)
    queries = [
        query("a", "Requests", "Sum", dimensions, period=300),
        query("b", "ActiveInstances", "Maximum", dimensions, period=300),
        query("c", "ActiveInstances", "Average", dimensions, period=300),
    ]
    answer = client.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=start + 5 * MINUTE)
    assert [series["Values"] for series in answer["MetricDataResults"]] == [[6000], [5], [3]]


@pytest.mark.parametrize(
    "change",
    [
        {"StartTime": datetime.datetime(2026, 1, 2, tzinfo=UTC), "EndTime": datetime.datetime(2026, 1, 1, tzinfo=UTC)},
        {"MetricDataQueries": []},
        {"MetricDataQueries": "upper case id"},
        {"MetricDataQueries": "twice the same id"},
        {"MetricDataQueries": "no statistic"},
    ],
    ids=str,
)
def test_bad_input_is_a_validation_error(client, dimensions, change):
    named = {
        "upper case id": [query("A", "Requests", "Sum", dimensions)],
        "twice the same id": [query("a", "Requests", "Sum", dimensions)] * 2,
        "no statistic": [query("a", "Requests", "Median", dimensions)],
    }
    change = {name: named.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    asked = dict(MetricDataQueries=[query("a", "Requests", "Sum", dimensions)], **window())
    assert code_of(client.get_metric_data, **{**asked, **change}) in ("ValidationError", "ValidationException")


@pytest.mark.parametrize("fault, code", [("throttle", "Throttling"), ("access_denied", "AccessDenied"), ("expired_token", "ExpiredToken")])
def test_trouble_is_answered_in_the_clients_protocol(client, dimensions, app_runner_cloud, fault, code):
    app_runner_cloud.order(fault={"fault": fault})
    asked = dict(MetricDataQueries=[query("a", "Requests", "Sum", dimensions)], **window())
    assert code_of(client.get_metric_data, **asked) == code


def test_a_compressed_request_is_understood(app_runner_cloud, protocol, dimensions):
    client = app_runner_cloud.client("cloudwatch")
    sizes = []

    def compress(request, **_):
        if request.headers.get("Content-Encoding") != "gzip":
            body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
            request.data = gzip.compress(body)
            request.headers["Content-Encoding"] = "gzip"
            sizes.append(len(request.data))

    client.meta.events.register_first("request-created.cloudwatch.GetMetricData", compress)
    queries = [query(f"m{n}", "Requests", "Sum", dimensions) for n in range(100)]
    results = client.get_metric_data(MetricDataQueries=queries, **window())["MetricDataResults"]
    assert len(sizes) == 1
    assert [series["Values"] for series in results] == [[1200] * 12] * 100


def test_alarms_of_the_scaling_policy_are_described(ecs_cloud, protocol):
    client = ecs_cloud.client("cloudwatch")
    alarms = client.describe_alarms(AlarmNames=["demo-AlarmHigh", "absent"])["MetricAlarms"]
    assert len(alarms) == 1
    alarm = alarms[0]
    assert (alarm["StateValue"], alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == ("ALARM", 60.0, 3, 60)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    age = datetime.datetime.now(UTC) - alarm["StateTransitionedTimestamp"]
    assert datetime.timedelta(minutes=44) < age < datetime.timedelta(minutes=105)
    assert {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == {"ClusterName": "default", "ServiceName": "demo"}
    assert len(client.describe_alarms()["MetricAlarms"]) == 2
    assert [alarm["AlarmName"] for alarm in client.describe_alarms(StateValue="OK")["MetricAlarms"]] == ["demo-AlarmLow"]


def test_ecs_metrics_have_their_own_namespace_and_dimensions(ecs_cloud, protocol):
    client = ecs_cloud.client("cloudwatch")
    dimensions = [{"Name": "ServiceName", "Value": "demo"}, {"Name": "ClusterName", "Value": "default"}]
    asked = window()
    queries = [query("a", "CPUUtilization", "Average", dimensions, namespace="AWS/ECS")]
    answer = client.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **asked)
    start = minute_of(asked["StartTime"])
    assert answer["MetricDataResults"][0]["Values"] == [50 + (start + n) % 10 for n in range(12)]
