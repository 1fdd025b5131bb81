//! CloudWatch's operations, in whichever of its three protocols the client speaks.

use super::input::{Input, page};
use super::metrics::{Metric, Statistic, Window, floor_to, points};
use super::protocol::WireError;
use super::state::{ACCOUNT, AlarmView, CloudPlatform, CloudSnapshot, CloudState, ECS_CLUSTER, Publication};
use super::value::{Value, list, map};

const INVALID: &str = "ValidationError";
const BAD_TOKEN: &str = "InvalidNextToken";
const MOST_QUERIES: usize = 500;
const MOST_POINTS: u32 = 100_800;

/// Answers `operation`. With `partial`, the first page says that there is more, whatever its size.
pub(crate) fn answer(
    operation: &str,
    input: &serde_json::Value,
    cloud: &CloudSnapshot,
    (state, publication): (&dyn CloudState, Publication),
    partial: bool,
) -> Option<Result<Value, WireError>> {
    let input = Input::new(input, INVALID);
    Some(match operation {
        "GetMetricData" => get_metric_data(input, cloud, (state, publication), partial),
        "DescribeAlarms" => describe_alarms(input, cloud),
        _ => return None,
    })
}

/// One series of an answer.
struct Series {
    id: String,
    label: String,
    points: Vec<(f64, f64)>,
}

fn get_metric_data(
    input: Input<'_>,
    cloud: &CloudSnapshot,
    source: (&dyn CloudState, Publication),
    partial: bool,
) -> Result<Value, WireError> {
    let (from, to) = (input.time("StartTime")?, input.time("EndTime")?);
    if from >= to {
        return Err(input.error("The parameter StartTime must be less than the parameter EndTime."));
    }
    let queries = input.structures("MetricDataQueries")?;
    if queries.is_empty() || queries.len() > MOST_QUERIES {
        return Err(input.error("The collection MetricDataQueries must have between 1 and 500 elements."));
    }
    let is_ascending = match input.text("ScanBy")?.unwrap_or("TimestampDescending") {
        "TimestampAscending" => true,
        "TimestampDescending" => false,
        other => return Err(input.error(format!("ScanBy {other} is none of TimestampAscending, TimestampDescending."))),
    };
    let mut series: Vec<Series> = Vec::new();
    for query in queries {
        let mut one = read_series(query, cloud, source, (from, to))?;
        if series.iter().any(|other| other.id == one.id) {
            return Err(
                input.error(format!("The values for parameter id in MetricDataQueries are not unique: {}.", one.id))
            );
        }
        if !is_ascending {
            one.points.reverse();
        }
        if query.flag("ReturnData", true) {
            series.push(one);
        }
    }
    let total: usize = series.iter().map(|one| one.points.len()).sum();
    let asked = input.number("MaxDatapoints")?.unwrap_or(MOST_POINTS).clamp(1, MOST_POINTS) as usize;
    let size = if partial { asked.min(total.div_ceil(2)).max(1) } else { asked };
    cut_page(&series, input.text("NextToken")?, size)
}

/// One page: points are counted through the series in their order, so that a page may end within one of them.
fn cut_page(series: &[Series], token: Option<&str>, size: usize) -> Result<Value, WireError> {
    let all: Vec<(usize, f64, f64)> = series
        .iter()
        .enumerate()
        .flat_map(|(index, one)| one.points.iter().map(move |&(at, value)| (index, at, value)))
        .collect();
    let (items, next) = page(&all, token, size, BAD_TOKEN)?;
    let last_given = all.len() - all.len().min(remaining_after(&all, next.as_deref()));
    let results = series.iter().enumerate().filter_map(|(index, one)| {
        let mine: Vec<_> = items.iter().filter(|item| item.0 == index).collect();
        // A later page names only the series that it has points of; the first names all.
        if mine.is_empty() && token.is_some() {
            return None;
        }
        let is_cut = all[last_given..].iter().any(|item| item.0 == index);
        Some(map([
            ("Id", one.id.as_str().into()),
            ("Label", one.label.as_str().into()),
            ("Timestamps", list(mine.iter().map(|item| Value::Time(item.1)))),
            ("Values", list(mine.iter().map(|item| Value::Float(item.2)))),
            ("StatusCode", if is_cut { "PartialData" } else { "Complete" }.into()),
        ]))
    });
    let results: Vec<Value> = results.collect();
    Ok(map([("MetricDataResults", Value::List(results)), ("Messages", list([]))]).with("NextToken", next))
}

/// How many points come after the page that ends where `next` begins.
fn remaining_after(all: &[(usize, f64, f64)], next: Option<&str>) -> usize {
    let start = next.and_then(|token| token.strip_prefix("page-")?.parse::<usize>().ok());
    start.map_or(0, |start| all.len().saturating_sub(start))
}

fn read_series(
    query: Input<'_>,
    cloud: &CloudSnapshot,
    (state, publication): (&dyn CloudState, Publication),
    (from, to): (f64, f64),
) -> Result<Series, WireError> {
    let id = query.required_text("Id")?;
    let is_id = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && id.len() <= 255;
    if !is_id {
        return Err(query.error(format!(
            "The value '{id}' for the parameter MetricDataQueries.member.Id is not matching ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    let stat = query
        .structure("MetricStat")
        .ok_or_else(|| query.error("The embedded cluster reads MetricStat queries only, no Expression."))?;
    let metric = stat.structure("Metric").ok_or_else(|| query.error("MetricStat.Metric is required."))?;
    let name = metric.required_text("MetricName")?;
    let period = stat.number("Period")?.unwrap_or(0);
    if period == 0 {
        return Err(query.error("MetricStat.Period must be at least 1."));
    }
    let statistic = stat.required_text("Stat")?;
    let statistic = Statistic::parse(statistic)
        .ok_or_else(|| query.error(format!("The value {statistic} for the parameter Stat is not a statistic.")))?;
    let period = f64::from(period);
    let window = Window { period, from: floor_to(from, period), to, now: cloud.now };
    let points = match known_metric(metric, cloud)? {
        Some(known) => {
            let seconds = state.seconds(window.from, (to + period).min(cloud.now + 1.0));
            points(&seconds, (known, statistic), window, publication)
        }
        // What does not exist has no points, and that is no error.
        None => Vec::new(),
    };
    Ok(Series { id: id.to_owned(), label: query.text("Label")?.unwrap_or(name).to_owned(), points })
}

/// The metric that is meant, if its namespace and the *exact* set of dimensions are those of our service.
fn known_metric(metric: Input<'_>, cloud: &CloudSnapshot) -> Result<Option<Metric>, WireError> {
    let name = metric.required_text("MetricName")?;
    let namespace = metric.required_text("Namespace")?;
    let mut dimensions = Vec::new();
    for dimension in metric.structures("Dimensions")? {
        dimensions.push((dimension.required_text("Name")?, dimension.required_text("Value")?));
    }
    dimensions.sort_unstable();
    let service_id = CloudSnapshot::service_id(&cloud.name);
    let known = match (namespace, cloud.platform) {
        ("AWS/AppRunner", CloudPlatform::AppRunner)
            if dimensions == [("ServiceID", service_id.as_str()), ("ServiceName", cloud.name.as_str())] =>
        {
            Metric::app_runner(name)
        }
        ("AWS/ECS", CloudPlatform::Ecs)
            if dimensions == [("ClusterName", ECS_CLUSTER), ("ServiceName", cloud.name.as_str())] =>
        {
            Metric::ecs(name)
        }
        _ => None,
    };
    Ok(known)
}

fn describe_alarms(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let names = input.texts("AlarmNames")?;
    let prefix = input.text("AlarmNamePrefix")?.unwrap_or_default();
    let state = input.text("StateValue")?;
    let alarms: Vec<&AlarmView> = cloud
        .alarms
        .iter()
        .filter(|alarm| names.is_empty() || names.contains(&alarm.name.as_str()))
        .filter(|alarm| alarm.name.starts_with(prefix) && state.is_none_or(|state| state == alarm.state))
        .collect();
    let size = input.page_size("MaxRecords", 1, 100, 50)?;
    let (items, next) = page(&alarms, input.text("NextToken")?, size, BAD_TOKEN)?;
    let described: Vec<Value> = items.iter().map(|alarm| describe_alarm(cloud, alarm)).collect();
    Ok(map([("MetricAlarms", Value::List(described)), ("CompositeAlarms", list([]))]).with("NextToken", next))
}

fn describe_alarm(cloud: &CloudSnapshot, alarm: &AlarmView) -> Value {
    let dimension = |name: &str, value: &str| map([("Name", name.into()), ("Value", value.into())]);
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a period")]
    let period = alarm.period.round() as i64;
    let comparison = if alarm.is_high { "GreaterThanThreshold" } else { "LessThanThreshold" };
    let reason = match alarm.state {
        "INSUFFICIENT_DATA" => "Unchecked: Initial alarm creation".to_owned(),
        _ => format!("{} datapoints against the threshold {}", alarm.points, alarm.threshold),
    };
    map([
        ("AlarmName", alarm.name.as_str().into()),
        ("AlarmArn", format!("arn:aws:cloudwatch:{}:{ACCOUNT}:alarm:{}", cloud.region, alarm.name).into()),
        ("AlarmDescription", "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy.".into()),
        ("ActionsEnabled", true.into()),
        ("StateValue", alarm.state.into()),
        ("StateReason", reason.into()),
        ("StateUpdatedTimestamp", Value::Time(alarm.since)),
        ("StateTransitionedTimestamp", Value::Time(alarm.since)),
        ("MetricName", "CPUUtilization".into()),
        ("Namespace", "AWS/ECS".into()),
        ("Statistic", "Average".into()),
        ("Dimensions", list([dimension("ClusterName", ECS_CLUSTER), dimension("ServiceName", &cloud.name)])),
        ("Period", Value::Int(period)),
        ("EvaluationPeriods", alarm.points.into()),
        ("Threshold", alarm.threshold.into()),
        ("ComparisonOperator", comparison.into()),
    ])
}
