//! The manifest for Kubernetes: a Secret with the ticket, an Indexed Job of generators, a `NetworkPolicy`, and on request a NATS
//! server. Pure; `kubectl apply -f -` does the rest, so that nothing here needs to know a cluster.
//!
//! Field names are those of batch/v1, apps/v1, networking.k8s.io/v1 and v1; `tests/compat/manifest.py` holds them against the
//! models that Kubernetes generates from its API. `backoffLimitPerIndex` is stable since 1.33, and on by default since 1.29.
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/job/#backoff-limit-per-index>

use serde_json::{Value, json};

use crate::placing::join::Join;
use crate::placing::nats::NatsFiles;
use crate::placing::ticket::{JoinTicket, VARIABLE};
use crate::placing::{Size, yaml};
use crate::text::counted;

/// The port that NATS listens on in the cluster.
const NATS_PORT: u16 = 4_222;

/// "Nobody" of the distroless images, as in the images of this project.
const NOBODY: u32 = 65_532;

/// Where the NATS server's files are.
const NATS_FOLDER: &str = "/etc/nats";

/// Where it keeps what it stores.
const NATS_DATA: &str = "/data";

/// Addresses that tell a cloud's machines their credentials: no load goes there, whoever asks.
/// Sources: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html> (both families),
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>
const METADATA_V4: [&str; 2] = ["169.254.169.254/32", "169.254.170.2/32"];
const METADATA_V6: [&str; 1] = ["fd00:ec2::254/128"];

/// What the manifest is to say.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What its objects are called.
    pub(crate) name: String,
    /// Where they are; the one of `kubectl` when it is not said.
    pub(crate) namespace: Option<String>,
    /// The image of scaletop.
    pub(crate) image: String,
    /// How many generators.
    pub(crate) generators: u32,
    /// How large each is.
    pub(crate) size: Size,
    /// On ARM, not on x86; whatever there is, when it is not said.
    pub(crate) architecture: Option<&'static str>,
    /// A Job that is still there after this many seconds is ended.
    pub(crate) at_most_secs: u64,
    /// How generators join.
    pub(crate) join: Join,
    /// A NATS server of its own: its image, and its files.
    pub(crate) nats: Option<(String, NatsFiles)>,
}

impl Wanted {
    /// The manifest, in YAML. It has the ticket in it, a secret.
    pub(crate) fn manifest(&self, ticket: &JoinTicket) -> String {
        let mut text = format!(
            "# scaletop: {} for the run {}. It holds secrets: pipe it into kubectl apply -f -, and keep it out of repositories.\n",
            counted(self.generators.into(), "generator"),
            ticket.run()
        );
        for object in self.objects(ticket) {
            text.push_str(&yaml::document(&object));
        }
        text
    }

    /// What a ticket's server must be called to mean the Service of this manifest.
    pub(crate) fn nats_service(&self) -> String {
        format!("{}-nats", self.name)
    }

    /// The objects, what others need first.
    pub(crate) fn objects(&self, ticket: &JoinTicket) -> Vec<Value> {
        let mut objects = vec![self.ticket(ticket)];
        if let Some((image, files)) = &self.nats {
            objects.extend([
                self.nats_files(files, ticket),
                self.nats_deployment(image, ticket),
                self.nats_service_object(ticket),
            ]);
            objects.push(self.nats_policy(ticket));
        }
        objects.extend([self.policy(ticket), self.job(ticket)]);
        objects
    }

    /// The labels of a part; those of `component` alone choose it.
    fn labels(&self, component: &str, ticket: &JoinTicket) -> Value {
        json!({
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/part-of": "scaletop",
            "scaletop/run": ticket.run(),
        })
    }

    fn chosen(&self, component: &str) -> Value {
        json!({ "matchLabels": { "app.kubernetes.io/name": self.name, "app.kubernetes.io/component": component } })
    }

    fn metadata(&self, name: &str, component: &str, ticket: &JoinTicket) -> Value {
        let mut metadata = json!({ "name": name, "labels": self.labels(component, ticket) });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata
    }

    fn secret_name(&self) -> String {
        format!("{}-ticket", self.name)
    }

    fn ticket(&self, ticket: &JoinTicket) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self.metadata(&self.secret_name(), "generator", ticket),
            "type": "Opaque",
            "stringData": { "join.ticket": ticket.line() },
        })
    }

    fn job(&self, ticket: &JoinTicket) -> Value {
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(&self.name, "generator", ticket),
            "spec": {
                "completionMode": "Indexed",
                "completions": self.generators,
                "parallelism": self.generators,
                // A generator that fails is started again by itself; one index that cannot start takes no other with it.
                "backoffLimitPerIndex": 3,
                "maxFailedIndexes": self.generators,
                "activeDeadlineSeconds": self.at_most_secs,
                "ttlSecondsAfterFinished": 600,
                "template": {
                    "metadata": { "labels": self.labels("generator", ticket) },
                    "spec": self.pod(),
                },
            },
        })
    }

    fn pod(&self) -> Value {
        let mut words = self.join.words();
        // The node is what a generator's numbers are compared by.
        words.extend(["--label".to_owned(), "node=$(NODE)".to_owned()]);
        let memory = format!("{}Mi", self.size.memory_mib());
        let mut selector = json!({ "kubernetes.io/os": "linux" });
        if let Some(architecture) = self.architecture {
            selector["kubernetes.io/arch"] = json!(architecture);
        }
        json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            // Leaving is planned: the others take over before it goes.
            "terminationGracePeriodSeconds": 60,
            "nodeSelector": selector,
            "securityContext": pod_security(),
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": self.chosen("generator"),
            }],
            "containers": [{
                "name": "generator",
                "image": self.image,
                "args": words,
                "env": [
                    { "name": VARIABLE, "valueFrom": { "secretKeyRef": { "name": self.secret_name(), "key": "join.ticket" } } },
                    { "name": "NODE", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
                ],
                // No limit of CPU: being throttled for a tenth of a second is what a generator cannot bear.
                "resources": {
                    "requests": { "cpu": cpu(self.size), "memory": memory },
                    "limits": { "memory": memory },
                },
                "securityContext": container_security(),
            }],
        })
    }

    /// Nobody connects to a generator; it may go anywhere but to where a cloud keeps its credentials.
    fn policy(&self, ticket: &JoinTicket) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self.metadata(&self.name, "generator", ticket),
            "spec": {
                "podSelector": self.chosen("generator"),
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": [{ "to": [
                    { "ipBlock": { "cidr": "0.0.0.0/0", "except": METADATA_V4 } },
                    { "ipBlock": { "cidr": "::/0", "except": METADATA_V6 } },
                    { "namespaceSelector": {} },
                ] }],
            },
        })
    }

    fn nats_secret_name(&self) -> String {
        format!("{}-nats", self.name)
    }

    fn nats_files(&self, files: &NatsFiles, ticket: &JoinTicket) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self.metadata(&self.nats_secret_name(), "nats", ticket),
            "type": "Opaque",
            "stringData": files.moved(NATS_FOLDER, NATS_DATA),
        })
    }

    fn nats_deployment(&self, image: &str, ticket: &JoinTicket) -> Value {
        let config = format!("{NATS_FOLDER}/{}", NatsFiles::CONFIG);
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(&self.nats_service(), "nats", ticket),
            "spec": {
                "replicas": 1,
                // Two at once would be two fleets.
                "strategy": { "type": "Recreate" },
                "selector": self.chosen("nats"),
                "template": {
                    "metadata": { "labels": self.labels("nats", ticket) },
                    "spec": {
                        "automountServiceAccountToken": false,
                        "enableServiceLinks": false,
                        "nodeSelector": { "kubernetes.io/os": "linux" },
                        "securityContext": pod_security(),
                        "containers": [{
                            "name": "nats",
                            "image": image,
                            "command": ["nats-server"],
                            "args": ["--config", config, "--addr", "0.0.0.0", "--port", NATS_PORT.to_string()],
                            "ports": [{ "name": "nats", "containerPort": NATS_PORT }],
                            "readinessProbe": { "tcpSocket": { "port": "nats" }, "periodSeconds": 2 },
                            "resources": {
                                "requests": { "cpu": "500m", "memory": "256Mi" },
                                "limits": { "memory": "1Gi" },
                            },
                            "securityContext": container_security(),
                            "volumeMounts": [
                                { "name": "config", "mountPath": NATS_FOLDER, "readOnly": true },
                                { "name": "data", "mountPath": NATS_DATA },
                            ],
                        }],
                        "volumes": [
                            { "name": "config", "secret": { "secretName": self.nats_secret_name(), "defaultMode": 0o440 } },
                            { "name": "data", "emptyDir": { "sizeLimit": "4Gi" } },
                        ],
                    },
                },
            },
        })
    }

    fn nats_service_object(&self, ticket: &JoinTicket) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(&self.nats_service(), "nats", ticket),
            "spec": {
                "selector": self.chosen("nats")["matchLabels"],
                "ports": [{ "name": "nats", "port": NATS_PORT, "targetPort": "nats" }],
            },
        })
    }

    /// Generators reach the server, and so does `kubectl port-forward`, which no policy stands before.
    fn nats_policy(&self, ticket: &JoinTicket) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self.metadata(&self.nats_service(), "nats", ticket),
            "spec": {
                "podSelector": self.chosen("nats"),
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{
                    "from": [{ "podSelector": self.chosen("generator") }],
                    "ports": [{ "port": "nats", "protocol": "TCP" }],
                }],
                "egress": [],
            },
        })
    }
}

/// vCPU as Kubernetes writes them, `2` or `500m`.
fn cpu(size: Size) -> String {
    let millis = (size.vcpu() * 1_000.0).round();
    if millis % 1_000.0 == 0.0 { format!("{}", millis / 1_000.0) } else { format!("{millis}m") }
}

fn pod_security() -> Value {
    json!({
        "runAsNonRoot": true,
        "runAsUser": NOBODY,
        "runAsGroup": NOBODY,
        "fsGroup": NOBODY,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

/// Whether Kubernetes takes it for the name of a Service, which is the narrowest: RFC 1035's label, with room for what is
/// appended.
pub(crate) fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=50).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placing::ticket::tests::ticket;

    fn wanted() -> Wanted {
        Wanted {
            name: "load".to_owned(),
            namespace: Some("perf".to_owned()),
            image: "registry.example/scaletop:1".to_owned(),
            generators: 5,
            size: "2x4".parse().unwrap(),
            architecture: Some("arm64"),
            at_most_secs: 15_000,
            join: Join { max_rate: Some(9_000), ..Join::default() },
            nats: None,
        }
    }

    fn with_nats() -> Wanted {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NatsFiles::CONFIG), "port: 4222\n").unwrap();
        Wanted { nats: Some(("nats:2".to_owned(), NatsFiles::read(folder.path()).unwrap())), ..wanted() }
    }

    fn kinds(objects: &[Value]) -> Vec<String> {
        let name = |object: &Value| {
            format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
        };
        objects.iter().map(name).collect()
    }

    #[test]
    fn a_manifest_is_a_secret_a_policy_and_a_job_and_with_nats_its_server() {
        assert_eq!(kinds(&wanted().objects(&ticket())), ["Secret load-ticket", "NetworkPolicy load", "Job load"]);
        let all = kinds(&with_nats().objects(&ticket()));
        assert_eq!(
            all,
            [
                "Secret load-ticket",
                "Secret load-nats",
                "Deployment load-nats",
                "Service load-nats",
                "NetworkPolicy load-nats",
                "NetworkPolicy load",
                "Job load"
            ]
        );
    }

    #[test]
    fn every_generator_has_an_index_a_node_of_its_own_where_there_is_one_and_room_to_leave() {
        let objects = wanted().objects(&ticket());
        let job = &objects[2]["spec"];
        for (field, value) in
            [("completionMode", json!("Indexed")), ("completions", json!(5)), ("parallelism", json!(5))]
        {
            assert_eq!(job[field], value, "{field}");
        }
        // Kubernetes refuses a limit per index with any other policy.
        assert_eq!(job["template"]["spec"]["restartPolicy"], "Never");
        assert!(job["backoffLimitPerIndex"].is_u64() && job.get("backoffLimit").is_none());
        let spread = &job["template"]["spec"]["topologySpreadConstraints"][0];
        assert_eq!(spread["topologyKey"], "kubernetes.io/hostname");
        let chosen = spread["labelSelector"]["matchLabels"].as_object().unwrap();
        let labels = job["template"]["metadata"]["labels"].as_object().unwrap();
        assert!(chosen.iter().all(|(name, value)| labels.get(name) == Some(value)), "it spreads its own pods");
        assert_eq!(job["template"]["spec"]["nodeSelector"]["kubernetes.io/arch"], "arm64");
    }

    #[test]
    fn nothing_runs_as_root_writes_to_its_root_or_holds_a_token() {
        for object in with_nats().objects(&ticket()) {
            let Some(pod) = object["spec"].get("template").map(|template| &template["spec"]) else { continue };
            assert_eq!(pod["automountServiceAccountToken"], false);
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            for container in pod["containers"].as_array().unwrap() {
                assert_eq!(container["securityContext"], container_security());
                assert!(container["resources"]["requests"]["cpu"].is_string());
                assert!(container["resources"]["limits"]["memory"].is_string());
            }
        }
    }

    #[test]
    fn the_ticket_stands_in_the_secret_alone() {
        for object in with_nats().objects(&ticket()) {
            assert_eq!(
                object.to_string().contains("SUASECRET"),
                object["metadata"]["name"] == "load-ticket",
                "{object}"
            );
        }
        let objects = wanted().objects(&ticket());
        let container = &objects[2]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["env"][0]["name"], VARIABLE);
        assert_eq!(
            container["env"][0]["valueFrom"]["secretKeyRef"],
            json!({ "name": "load-ticket", "key": "join.ticket" })
        );
        assert_eq!(container["args"], json!(["fleet", "join", "--max-rate", "9000", "--label", "node=$(NODE)"]));
    }

    #[test]
    fn a_policy_keeps_generators_from_a_clouds_credentials_and_others_from_generators() {
        let objects = wanted().objects(&ticket());
        let spec = &objects[1]["spec"];
        assert_eq!(spec["ingress"], json!([]));
        assert!(spec["egress"][0]["to"][0]["ipBlock"]["except"].to_string().contains("169.254.169.254/32"));
    }

    #[test]
    fn objects_are_in_the_namespace_that_was_said_or_in_none() {
        assert!(with_nats().objects(&ticket()).iter().all(|object| object["metadata"]["namespace"] == "perf"));
        let none = Wanted { namespace: None, ..wanted() };
        assert!(none.objects(&ticket()).iter().all(|object| object["metadata"].get("namespace").is_none()));
    }

    #[test]
    fn cpu_is_written_as_kubernetes_reads_it() {
        for (size, expected) in [("2x4", "2"), ("0.5x1", "500m"), ("0.25x0.5", "250m")] {
            assert_eq!(cpu(size.parse().unwrap()), expected);
        }
        assert!(is_name("load-1") && !is_name("1load") && !is_name("Load") && !is_name("load-") && !is_name(""));
    }

    /// `tests/compat/manifest.py` reads the file as Kubernetes would.
    #[test]
    fn the_kept_manifest_is_the_one_that_is_printed() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/fleet-manifest.yaml");
        let text = with_nats().manifest(&ticket());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), text, "UPDATE_DOCS=1 writes it anew");
    }

    #[test]
    fn the_manifest_is_one_document_for_each_object_and_says_that_it_is_secret() {
        let text = wanted().manifest(&ticket());
        assert!(text.starts_with("# scaletop: 5 generators for the run 0123456789abcdef. It holds secrets"));
        assert_eq!(text.matches("---\n").count(), 3);
        assert!(text.contains("\n  completionMode: \"Indexed\"\n"), "{text}");
    }
}
