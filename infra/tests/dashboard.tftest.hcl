# The dashboard's JSON: CloudWatch answers a wrong metric or dimension with an empty chart, so they are pinned here.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "demo"
  region     = "eu-west-1"
  app_runner = { service_name = "demo", service_id = "0123456789abcdef0123456789abcdef" }
  ecs        = { cluster_name = "demo", service_name = "demo-0a1b2c" }
}

run "app_runner_and_ecs" {
  command = plan
  module {
    source = "./modules/dashboard"
  }

  assert {
    condition     = toset([for metric in flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : metric[1] if metric[0] == "AWS/AppRunner"]]) : metric]) == toset(["RequestLatency", "Concurrency", "ActiveInstances", "Requests", "2xxStatusResponses", "4xxStatusResponses", "5xxStatusResponses", "CPUUtilization", "MemoryUtilization"])
    error_message = "App Runner's metrics by their real names (RequestCount and 4XX… return nothing)"
  }
  assert {
    condition = alltrue(flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics :
      slice(metric, 2, 6) == ["ServiceName", "demo", "ServiceID", "0123456789abcdef0123456789abcdef"] && length(metric) == 7 if metric[0] == "AWS/AppRunner"
    ]]))
    error_message = "every App Runner series needs both dimensions, ServiceName and ServiceID"
  }
  assert {
    condition = alltrue(flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics :
      slice(metric, 2, 6) == ["ClusterName", "demo", "ServiceName", "demo-0a1b2c"] && contains(["CPUUtilization", "MemoryUtilization"], metric[1]) if metric[0] == "AWS/ECS"
    ]]))
    error_message = "every ECS series needs ClusterName and ServiceName"
  }
  assert {
    condition = toset(flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : metric[0].expression if can(metric[0].expression)]])) == toset([for found in ["TargetResponseTime\"', 'p99'", "TargetResponseTime\"', 'p50'", "RequestCount\"', 'Sum'", "HTTPCode_Target_5XX_Count\"', 'Sum'"] :
      "SEARCH('{AWS/ApplicationELB,LoadBalancer,TargetGroup} MetricName=\"${found}, 60)"
    ])
    error_message = "ECS' latency and requests are the load balancer's, whose target groups change with each deployment"
  }
  assert {
    condition     = toset(flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : metric[6].stat if contains(["Requests", "2xxStatusResponses", "4xxStatusResponses", "5xxStatusResponses"], try(metric[1], ""))]])) == toset(["Sum"])
    error_message = "counts are summed"
  }
  assert {
    condition     = toset(flatten([for widget in jsondecode(output.body).widgets : [for metric in widget.properties.metrics : metric[6].stat if contains(["ActiveInstances", "Concurrency"], try(metric[1], ""))]])) == toset(["Maximum"])
    error_message = "instances and concurrency are peaks of the minute"
  }
  assert {
    condition     = alltrue([for widget in jsondecode(output.body).widgets : widget.properties.region == "eu-west-1" && widget.properties.period == 60 && widget.type == "metric"])
    error_message = "region and the 60 s grain on every chart"
  }
  assert {
    condition     = length(distinct([for widget in jsondecode(output.body).widgets : "${widget.x},${widget.y}"])) == 8 && length(jsondecode(output.body).widgets) == 8
    error_message = "eight charts, none on top of another"
  }
}

run "app_runner_alone" {
  command = plan
  module {
    source = "./modules/dashboard"
  }

  variables {
    ecs = null
  }

  assert {
    condition     = length(jsondecode(output.body).widgets) == 4 && !strcontains(output.body, "AWS/ECS") && !strcontains(output.body, "AWS/ApplicationELB")
    error_message = "no ECS charts without ECS"
  }
}

run "ecs_alone" {
  command = plan
  module {
    source = "./modules/dashboard"
  }

  variables {
    app_runner = null
  }

  assert {
    condition     = length(jsondecode(output.body).widgets) == 4 && !strcontains(output.body, "AWS/AppRunner")
    error_message = "no App Runner charts without App Runner"
  }
}

run "the_root_passes_the_services_own_names" {
  command = apply

  variables {
    name      = "scaletop-test-app"
    region    = null
    platform  = "both"
    image_tag = "42"
  }

  assert {
    condition     = strcontains(module.dashboard[0].body, "\"ServiceID\",\"0123456789abcdef0123456789abcdef\"") && strcontains(module.dashboard[0].body, "\"ClusterName\",\"scaletop-test-app\",\"ServiceName\",\"${output.ecs_service_name}\"")
    error_message = "the services' ids must reach the dashboard"
  }
  assert {
    condition     = output.dashboard_url == "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/scaletop-test-app"
    error_message = "the dashboard's address"
  }
}
