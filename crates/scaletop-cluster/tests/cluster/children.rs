//! No instance outlives its cluster, whatever ends it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scaletop_cluster::{Cluster, ClusterOptions};
use tokio::time::Instant;

use crate::{start, start_fixed, wait_for};

/// How soon after its parent's end a child must be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// Kills a process that this test's cluster started.
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn pids(cluster: &Cluster) -> Vec<u32> {
    cluster.view().instances.iter().map(|instance| instance.pid.expect("has a process")).collect()
}

/// Whether the process runs. A killed one that its adoptive parent has not reaped yet does not.
fn runs(pid: u32) -> bool {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the name, which is in brackets and may hold anything.
        return stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    !cfg!(target_os = "linux") && rustix::process::test_kill_process(pid).is_ok()
}

async fn assert_gone(pids: &[u32]) {
    let begun = Instant::now();
    wait_for("the children's end", || (!pids.iter().any(|pid| runs(*pid))).then_some(())).await;
    assert!(begun.elapsed() < GONE_WITHIN, "gone only after {:?}", begun.elapsed());
}

#[tokio::test]
async fn shutting_down_ends_and_reaps_every_child() {
    let cluster = start_fixed(3, 10, Duration::from_millis(80)).await;
    let children = pids(&cluster);
    assert!(children.len() == 3 && children.iter().all(|pid| runs(*pid)));
    let (addr, reader) = (cluster.addr(), cluster.reader());
    cluster.shutdown().await;
    assert!(!children.iter().any(|pid| runs(*pid)));
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "the balancer is gone too");
    assert_eq!(reader.truth().instances.len(), 3, "the truth stays readable");
}

#[tokio::test]
async fn dropping_ends_every_child_also_while_some_still_start() {
    let options = ClusterOptions { cold_start: Duration::from_mins(1), min_size: 2, ..ClusterOptions::default() };
    let cluster = start(options).await;
    cluster.kill_one().unwrap();
    let starting = wait_for("a child in its cold start", || {
        let view = cluster.view();
        view.instances.iter().find(|it| it.active.is_none()).and_then(|it| it.listening.and(it.pid))
    })
    .await;
    let children = pids(&cluster);
    assert!(children.contains(&starting));
    drop(cluster);
    assert!(!children.iter().any(|pid| runs(*pid)), "nothing is left when drop returns");
}

#[test]
fn a_panic_takes_the_children_along() {
    let (tell, children) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = start_fixed(2, 10, Duration::from_millis(80)).await;
            tell.send(pids(&cluster)).unwrap();
            panic!("on purpose: {}", cluster.url());
        });
    })
    .join();
    assert!(panicked.is_err());
    let children = children.recv().unwrap();
    assert!(children.len() == 2 && !children.iter().any(|pid| runs(*pid)));
}

#[tokio::test]
async fn kill_minus_nine_of_the_parent_leaves_no_child() {
    let mut parent = Parent::start();
    let children = parent.children();
    assert!(children.len() == 2 && children.iter().all(|pid| runs(*pid)));
    parent.process.kill().unwrap();
    assert_gone(&children).await;
}

/// The variable that makes [`a_parent`] one.
const BE_A_PARENT: &str = "SCALETOP_TEST_BE_A_PARENT";

/// Not a test by itself: the process that `kill_minus_nine_of_the_parent_leaves_no_child` starts and kills.
#[tokio::test]
async fn a_parent() {
    if std::env::var_os(BE_A_PARENT).is_none() {
        return;
    }
    let cluster = start_fixed(2, 10, Duration::from_millis(80)).await;
    println!("children {:?}", pids(&cluster));
    // Lives until killed, or until the test that started it is gone.
    tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await.unwrap().unwrap();
}

struct Parent {
    process: Child,
}

impl Parent {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "children::a_parent", "--nocapture"]).env(BE_A_PARENT, "1");
        Self { process: command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap() }
    }

    fn children(&mut self) -> Vec<u32> {
        let lines = BufReader::new(self.process.stdout.take().unwrap()).lines();
        let line = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("children [")?.1.to_owned()));
        let line = line.expect("the parent names its children");
        line.trim_end_matches(']').split(", ").map(|pid| pid.parse().unwrap()).collect()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
