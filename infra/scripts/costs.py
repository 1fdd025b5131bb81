#!/usr/bin/env python3
"""What the experiment costs, and what stays running: every price with its source, every product written out.

    costs.py                 the arithmetic, line by line, and the table
    costs.py --write FILE…   puts the table between the marks in these files
    costs.py --check FILE…   fails when a table there is not this one (infra/check.sh)

The load is that of the shipped plans (scenarios/), read from their files, so that a plan that changes changes its cost.
Estimates: list prices of us-east-1 without free tiers that end, taxes and discounts. Other regions are some 10 to 30 %
dearer. Needs python 3.11 (tomllib).
"""
import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- costs:begin -->", "<!-- costs:end -->"
HOURS_A_MONTH = 730
READ = "November 2026"

# name: (dollars, unit, where the price stands)
PRICES = {
    "App Runner vCPU, active": (0.064, "vCPU-hour", "https://aws.amazon.com/apprunner/pricing/"),
    "App Runner memory, active or provisioned": (0.007, "GB-hour", "https://aws.amazon.com/apprunner/pricing/"),
    "Fargate vCPU (Linux, x86)": (0.04048, "vCPU-hour", "https://aws.amazon.com/fargate/pricing/"),
    "Fargate memory": (0.004445, "GB-hour", "https://aws.amazon.com/fargate/pricing/"),
    "load balancer": (0.0225, "hour", "https://aws.amazon.com/elasticloadbalancing/pricing/"),
    "load balancer capacity unit": (0.008, "LCU-hour", "https://aws.amazon.com/elasticloadbalancing/pricing/"),
    "public IPv4 address": (0.005, "hour", "https://aws.amazon.com/vpc/pricing/"),
    "GetMetricData": (0.01 / 1000, "metric", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard beyond the third": (3.0, "month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm beyond the tenth": (0.10, "month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "ECR storage": (0.10, "GB-month", "https://aws.amazon.com/ecr/pricing/"),
    "data out beyond 100 GB a month": (0.09, "GB", "https://aws.amazon.com/ec2/pricing/on-demand/"),
}

# What infra/variables.tf and the platforms make.
INSTANCES, VCPU, MEMORY_GB = 5, 1, 2  # max_size, cpu, memory
SUBNETS = 3  # of the default VPC in most regions; a load balancer has an address in each
ALARMS = 3  # high and low of the scaling policy, and the one that watches deployments
METRICS = {"App Runner": 9, "ECS": 2}  # what scaletop asks CloudWatch for
EVERY_SECS = 30  # and how often
ANSWER_KB, EXCHANGE_KB = 0.5, 1.0  # an answer with its header; request and answer with their headers
IMAGES, IMAGE_GB = 20, 0.001  # the lifecycle rule keeps twenty

lines = []


def price(name):
    return PRICES[name][0]


def money(value):
    """Two digits, or as many as it takes not to be nothing."""
    return f"${value:,.2f}" if value >= 0.005 or value == 0 else f"${value:.4f}"


def product(what, *factors):
    """Multiplies factors of (value, words), and writes it down."""
    value = 1.0
    for factor, _ in factors:
        value *= factor
    lines.append(f"{what}: " + " × ".join(words for _, words in factors) + f" = {money(value)}")
    return value


def duration(text):
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def load(*names):
    """Hours and requests of plans at most: each wait takes all it may."""
    seconds = requests = 0.0
    for name in names:
        plan = tomllib.loads((ROOT / "scenarios" / f"{name}.toml").read_text())
        for stage in plan["stage"]:
            takes = duration(stage.get("duration") or stage["at_most"]) * plan.get("repeat", 1)
            rate = stage["rate"] if "rate" in stage else (stage["from"] + stage["to"]) / 2
            seconds += takes
            requests += takes * rate
    lines.append(f"{' and '.join(names)}: at most {seconds / 3600:.2f} h, {requests / 1e6:.2f} million requests")
    return seconds / 3600, requests


def hours(value):
    return value, f"{value:,.2f} h" if value != HOURS_A_MONTH else f"{value} h"


def each(name):
    dollars, unit, _ = PRICES[name]
    return dollars, f"${dollars:g} per {unit}"


def table():
    lines.clear()
    app_runner, app_runner_requests = load("multi-instance", "spike")
    ecs, ecs_requests = load("ecs-multi-instance", "ecs-spike")
    month = HOURS_A_MONTH
    rows = []

    def row(what, run, idle):
        rows.append((what, run, idle))

    def instances(name, count, time):
        """vCPU and memory of so many instances."""
        vcpu, memory = {"App Runner": ("App Runner vCPU, active", "App Runner memory, active or provisioned"), "Fargate": ("Fargate vCPU (Linux, x86)", "Fargate memory")}[name]
        parts = product(f"{name}, vCPU", (count * VCPU, f"{count} × {VCPU} vCPU"), each(vcpu), hours(time))
        return parts + product(f"{name}, memory", (count * MEMORY_GB, f"{count} × {MEMORY_GB} GB"), each(memory), hours(time))

    def metrics(platform, time):
        """What scaletop asks CloudWatch for while it runs."""
        count = METRICS[platform]
        asked = product(f"{platform}, GetMetricData", (count * 3600 / EVERY_SECS, f"{count} × {3600 // EVERY_SECS} an hour"), each("GetMetricData"), hours(time))
        row(f"{platform}: scaletop asks CloudWatch for {count} metrics every {EVERY_SECS} s", asked, 0.0)

    row(
        f"App Runner: {INSTANCES} instances active all the time; one provisioned when idle",
        instances("App Runner", INSTANCES, app_runner),
        product("App Runner, idle", (MEMORY_GB, f"1 × {MEMORY_GB} GB"), each("App Runner memory, active or provisioned"), hours(month)),
    )
    metrics("App Runner", app_runner)
    app_runner_rows = len(rows)
    row(f"ECS: {INSTANCES} Fargate tasks all the time; one when idle", instances("Fargate", INSTANCES, ecs), instances("Fargate", 1, month))
    row("ECS: the load balancer's hours", product("load balancer", each("load balancer"), hours(ecs)), product("load balancer, idle", each("load balancer"), hours(month)))
    gigabytes = ecs_requests * EXCHANGE_KB / 1e6
    row(
        "ECS: its capacity units, by bytes (1 GB an hour each)",
        product("capacity units", (gigabytes, f"{ecs_requests / 1e6:.2f} million × {EXCHANGE_KB:g} kB = {gigabytes:.2f} LCU-hours"), each("load balancer capacity unit")),
        0.0,
    )
    row(
        f"ECS: public IPv4, one in each of {SUBNETS} subnets of the load balancer",
        product("addresses of the load balancer", (SUBNETS, str(SUBNETS)), each("public IPv4 address"), hours(ecs)),
        product("addresses of the load balancer, idle", (SUBNETS, str(SUBNETS)), each("public IPv4 address"), hours(month)),
    )
    row(
        "ECS: public IPv4, one of each task",
        product("addresses of the tasks", (INSTANCES, str(INSTANCES)), each("public IPv4 address"), hours(ecs)),
        product("address of the task, idle", (1, "1"), each("public IPv4 address"), hours(month)),
    )
    row(f"ECS: {ALARMS} alarms, where the account has ten already", 0.0, product("alarms", (ALARMS, str(ALARMS)), each("alarm beyond the tenth")))
    metrics("ECS", ecs)
    ecs_rows = len(rows)
    row("either: the dashboard, where the account has three already", 0.0, product("dashboard", each("dashboard beyond the third")))
    row("either: images in ECR", 0.0, product("images", (IMAGES * IMAGE_GB, f"{IMAGES} × {IMAGE_GB * 1000:g} MB"), each("ECR storage")))
    out = ecs_requests * ANSWER_KB / 1e6
    row(
        "either: answers to the internet, where the account has sent 100 GB this month (here: as many as on ECS)",
        product("data out", (out, f"{ecs_requests / 1e6:.2f} million × {ANSWER_KB:g} kB = {out:.2f} GB"), each("data out beyond 100 GB a month")),
        0.0,
    )
    both = rows[ecs_rows:]
    sums = {
        "App Runner": rows[:app_runner_rows] + both,
        "ECS": rows[app_runner_rows:ecs_rows] + both,
    }
    text = [
        f"List prices of us-east-1, read in {READ}; `infra/scripts/costs.py` has each with its page, and prints this arithmetic. The experiment takes at most",
        f"{app_runner:.1f} h and {app_runner_requests / 1e6:.2f} million requests on App Runner, {ecs:.1f} h and {ecs_requests / 1e6:.2f} million on ECS.",
        "",
        "| what | the experiment, at most | left running, a month |",
        "|---|---:|---:|",
    ]
    cell = lambda value: money(value) if value else "–"
    text += [f"| {what} | {cell(run)} | {cell(idle)} |" for what, run, idle in rows]
    for name, parts in sums.items():
        run, idle = sum(run for _, run, _ in parts), sum(idle for _, _, idle in parts)
        lines.append(f"{name}, all together: {money(run)}, idle {money(idle)} a month")
        text.append(f"| **{name}, all together** | **{money(run)}** | **{money(idle)}** |")
    return "\n".join(text)


def within(text, path):
    before, begin, rest = text.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"costs: {path} has no marks: put {BEGIN} and {END} where the table belongs")
    return before, inside.strip("\n"), after


def main(words):
    made = table()
    if not words:
        print(*lines, "", f"prices (us-east-1, read in {READ}):", sep="\n")
        for name, (dollars, unit, source) in PRICES.items():
            print(f"  {name}: ${dollars:g} per {unit}, {source}")
        print("", made, sep="\n")
        return
    mode, *paths = words
    if mode not in ("--write", "--check") or not paths:
        sys.exit(__doc__)
    for path in map(pathlib.Path, paths):
        text = path.read_text()
        before, inside, after = within(text, path)
        if mode == "--write":
            path.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")
        elif inside != made:
            sys.exit(f"costs: the table in {path} is not what costs.py computes: infra/scripts/costs.py --write {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
