"""Holds latency.hlog, as read by PyPI's hdrhistogram, against timeline.csv and summary.json of the same session."""

import csv
import datetime
import json
import math
import sys
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

folder = Path(sys.argv[1])
summary = json.loads((folder / "summary.json").read_text())
rows = {int(row["elapsed_s"]): row for row in csv.DictReader((folder / "timeline.csv").open())}
base = datetime.datetime.fromisoformat(summary["session"]["started_utc"].replace("Z", "+00:00")).timestamp() * 1000
TAGS = {"response": "response_ms", "failed": "failed_ms", "service": "service_ms", "failed-service": "failed_service_ms"}
totals = {tag: HdrHistogram(1, 600_000_000, 3) for tag in TAGS}
seconds = dict.fromkeys(TAGS, 0)
answered = 0


def micros(field):
    return round(float(field) * 1000)


def value_at(histogram, percent):
    """The value at the rank of a percentile. Java's and our rank is the next whole one, PyPI's the nearest: it is asked for
    the percentile of exactly our rank."""
    count = histogram.get_total_count()
    rank = math.ceil(round(percent * count / 100, 9))
    return histogram.get_value_at_percentile(100 * rank / count)


reader = HistogramLogReader(str(folder / "latency.hlog"), HdrHistogram(1, 600_000_000, 3))
while True:
    interval = reader.get_next_interval_histogram()
    if interval is None:
        break
    tag = interval.get_tag()
    start = interval.get_start_time_stamp()
    second = round((start - base) / 1000)
    row = rows[second]
    assert interval.get_end_time_stamp() - start == 1000, f"second {second}: not a second long"
    count, ok = interval.get_total_count(), int(row["ok"])
    expected = {"response": ok, "failed": int(row["completed"]) - ok}.get(tag, count)
    assert count == expected, f"second {second}, {tag}: {count} values, {expected} in timeline.csv"
    answered += count if tag in ("response", "failed") else 0
    if tag == "response":
        for name, percent in (("p50_ms", 50), ("p90_ms", 90), ("p95_ms", 95), ("p99_ms", 99), ("p999_ms", 99.9)):
            # Ours never says more than the exact maximum, which a histogram does not hold.
            theirs = min(value_at(interval, percent), micros(row["max_ms"]))
            assert theirs == micros(row[name]), f"second {second}: {name} is {theirs} there and {micros(row[name])} here"
    elif tag == "service":
        theirs, ours = value_at(interval, 99), micros(row["service_p99_ms"])
        assert abs(theirs - ours) <= ours / 1000 + 1, f"second {second}: service p99 is {theirs} there and {ours} here"
    totals[tag].add(interval)
    seconds[tag] += 1

assert answered == sum(int(row["completed"]) for row in rows.values()), f"{answered} values of response and failed"
with_ok = sum(int(row["ok"]) > 0 for row in rows.values())
with_failures = sum(int(row["completed"]) > int(row["ok"]) for row in rows.values())
assert (seconds["response"], seconds["failed"]) == (with_ok, with_failures), f"{seconds}: {with_ok}, {with_failures}"
for tag, histogram in totals.items():
    ours = summary[TAGS[tag]]
    if ours is None:
        assert histogram.get_total_count() == 0, tag
        continue
    assert histogram.get_total_count() == ours["count"], f"{tag}: {histogram.get_total_count()} against {ours['count']}"
    for name, percent in (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p999", 99.9)):
        theirs = min(value_at(histogram, percent), micros(ours["max"]))
        assert theirs == micros(ours[name]), f"{tag} {name}: {theirs} there, {micros(ours[name])} here"
print(f"latency.hlog: {sum(seconds.values())} intervals, {sum(h.get_total_count() for h in totals.values())} values, read alike by PyPI's hdrhistogram")
