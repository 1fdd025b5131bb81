# One CloudWatch dashboard, for those who want to see what AWS itself counted. CloudWatch matches the exact set of
# dimensions and answers a wrong one with an empty chart, not an error: App Runner's series need ServiceName *and*
# ServiceID.

variable "name" {
  description = "Name of the dashboard."
  type        = string
}

variable "region" {
  description = "Region of the metrics."
  type        = string
}

variable "app_runner" {
  description = "The App Runner service, or null."
  type        = object({ service_name = string, service_id = string })
}

variable "ecs" {
  description = "The ECS service, or null."
  type        = object({ cluster_name = string, service_name = string })
}

locals {
  app_runner_dimensions = var.app_runner == null ? [] : ["ServiceName", var.app_runner.service_name, "ServiceID", var.app_runner.service_id]
  ecs_dimensions        = var.ecs == null ? [] : ["ClusterName", var.ecs.cluster_name, "ServiceName", var.ecs.service_name]

  app_runner_charts = var.app_runner == null ? [] : [
    {
      title = "App Runner: request latency (ms)"
      metrics = [
        ["RequestLatency", "p99"],
        ["RequestLatency", "p50"],
        # Shown should the service publish no percentiles.
        ["RequestLatency", "Average"],
      ]
    },
    {
      title   = "App Runner: concurrency and active instances"
      metrics = [["Concurrency", "Maximum"], ["ActiveInstances", "Maximum"]]
    },
    {
      title   = "App Runner: requests per minute"
      metrics = [["Requests", "Sum"], ["2xxStatusResponses", "Sum"], ["4xxStatusResponses", "Sum"], ["5xxStatusResponses", "Sum"]]
    },
    {
      title   = "App Runner: CPU and memory (%)"
      metrics = [["CPUUtilization", "Average"], ["MemoryUtilization", "Average"]]
    },
  ]
  ecs_charts = var.ecs == null ? [] : [
    {
      title   = "ECS: CPU (%)"
      metrics = [["CPUUtilization", "Average"], ["CPUUtilization", "Maximum"]]
    },
    {
      title   = "ECS: memory (%)"
      metrics = [["MemoryUtilization", "Average"], ["MemoryUtilization", "Maximum"]]
    },
  ]

  # Latency and requests are the load balancer's. Express shares one among services and swaps target groups with each
  # deployment, and tells neither to Terraform: so the charts search, and show each target group of the region.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
  ecs_searches = var.ecs == null ? [] : [
    {
      title = "ECS: response time (s), each target group of the region's load balancers"
      found = [["TargetResponseTime", "p99"], ["TargetResponseTime", "p50"]]
    },
    {
      title = "ECS: requests per minute and 5xx, each target group of the region's load balancers"
      found = [["RequestCount", "Sum"], ["HTTPCode_Target_5XX_Count", "Sum"]]
    },
  ]

  charts = concat(
    [for chart in local.app_runner_charts : { title = chart.title, metrics = [for metric in chart.metrics : jsonencode(concat(["AWS/AppRunner", metric[0]], local.app_runner_dimensions, [{ stat = metric[1] }]))] }],
    [for chart in local.ecs_searches : { title = chart.title, metrics = [for metric in chart.found : jsonencode([{
      expression = "SEARCH('{AWS/ApplicationELB,LoadBalancer,TargetGroup} MetricName=\"${metric[0]}\"', '${metric[1]}', 60)"
      label      = "${metric[0]} ${metric[1]}"
    }])] }],
    [for chart in local.ecs_charts : { title = chart.title, metrics = [for metric in chart.metrics : jsonencode(concat(["AWS/ECS", metric[0]], local.ecs_dimensions, [{ stat = metric[1] }]))] }],
  )

  body = {
    widgets = [for position, chart in local.charts : {
      type   = "metric"
      x      = position % 2 * 12
      y      = floor(position / 2) * 6
      width  = 12
      height = 6
      properties = {
        title  = chart.title
        region = var.region
        view   = "timeSeries"
        # The finest grain either platform publishes.
        period  = 60
        metrics = [for metric in chart.metrics : jsondecode(metric)]
        yAxis   = { left = { min = 0 } }
      }
    }]
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode(local.body)
}

output "name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "body" {
  description = "The dashboard as sent, for the tests."
  value       = aws_cloudwatch_dashboard.this.dashboard_body
}
