"""The endpoints under test, started once per platform, and clients for them.

The numbers that they must answer with follow from the time: the formula stands in tests/support/fixed_cloud.rs and, again,
in `test_cloudwatch.py`.
"""

import contextlib
import json
import os
import subprocess
import urllib.request

import botocore.model
import botocore.session
import pytest
from botocore.config import Config

REGION = "eu-west-1"
ACCOUNT = "123456789012"
SESSION = botocore.session.Session()  # one for all: it caches the parsed service models


class Cloud:
    """One running set of endpoints."""

    def __init__(self, platform):
        self.process = subprocess.Popen(
            [os.environ["WIRE_SERVER"], platform], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.endpoint = self.process.stdout.readline().strip()
        assert self.endpoint.startswith("http://127.0.0.1:"), self.endpoint

    def client(self, service, region=REGION, signed=True, attempts=1, **config):
        return SESSION.create_client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=Config(
                retries={"total_max_attempts": attempts, "mode": "standard"},
                signature_version=None if signed else botocore.UNSIGNED,
                connect_timeout=5,
                read_timeout=config.pop("read_timeout", 10),
                **config,
            ),
        )

    def order(self, **order):
        request = urllib.request.Request(
            self.endpoint + "/_scaletop/control",
            data=json.dumps(order).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


@contextlib.contextmanager
def running(platform):
    cloud = Cloud(platform)
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(scope="session")
def app_runner_cloud():
    with running("app-runner") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def ecs_cloud():
    with running("ecs") as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def nothing_ordered_stays(request):
    yield
    for name in ("app_runner_cloud", "ecs_cloud"):
        if name in request.fixturenames:
            request.getfixturevalue(name).order(clear=True)


@pytest.fixture(params=["json", "smithy-rpc-v2-cbor", "query"])
def protocol(request, monkeypatch):
    """CloudWatch speaks three protocols; botocore picks one by this order, older and other clients pick another."""
    monkeypatch.setattr(
        botocore.model,
        "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS",
        [request.param, "json"],
    )
    return request.param
