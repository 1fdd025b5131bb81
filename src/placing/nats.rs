//! The files of a NATS server that `scaletop fleet serve` set up, moved to where another machine has them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::files;

/// A server's configuration and the files that it names.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NatsFiles {
    /// The folder that they were in.
    folder: String,
    /// Text by name of file.
    texts: BTreeMap<String, String>,
}

impl std::fmt::Debug for NatsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsFiles").field("folder", &self.folder).field("files", &self.texts.keys()).finish()
    }
}

/// Why a folder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    #[error("cannot read {}: {source}; give the folder that scaletop fleet serve --dir wrote", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no {}: give the folder that scaletop fleet serve --dir wrote", folder.display(), NatsFiles::CONFIG)]
    NoConfig { folder: PathBuf },
}

impl NatsFiles {
    /// What the configuration is called.
    pub(crate) const CONFIG: &str = "nats.conf";

    /// Where it stands in the folder of `scaletop fleet serve`.
    const FOLDER: &str = "nats";

    /// The configuration in `folder`, and what it names of the files beside it: certificates and keys. Tickets stay where they
    /// are, and so does what it has stored.
    pub(crate) fn read(folder: &Path) -> Result<Self, NatsError> {
        let failed = |path: &Path, source| NatsError::Read { path: path.to_owned(), source };
        let own = folder.join(Self::FOLDER);
        let Some(folder) = [own.as_path(), folder].into_iter().find(|folder| folder.join(Self::CONFIG).is_file())
        else {
            return Err(NatsError::NoConfig { folder: folder.to_owned() });
        };
        let config = folder.join(Self::CONFIG);
        let read = |path: &Path| files::read_text(path, files::MOST_TEXT).map_err(|source| failed(path, source));
        let text = read(&config)?;
        let mut texts = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
            let path = entry.map_err(|source| failed(folder, source))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_file()) else {
                continue;
            };
            if name != Self::CONFIG && text.contains(name) {
                texts.insert(name.to_owned(), read(&path)?);
            }
        }
        texts.insert(Self::CONFIG.to_owned(), text);
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        Ok(Self { folder: folder.display().to_string(), texts })
    }

    /// The files, with the configuration naming them where they will be, and its store where there is room for it.
    pub(crate) fn moved(&self, to: &str, data: &str) -> BTreeMap<String, String> {
        let mut texts = self.texts.clone();
        if let Some(config) = texts.get_mut(Self::CONFIG) {
            *config = config.lines().map(|line| self.moved_line(line, to, data) + "\n").collect();
        }
        texts
    }

    fn moved_line(&self, line: &str, to: &str, data: &str) -> String {
        let indent = &line[..line.len() - line.trim_start().len()];
        let name = line.trim_start().split([':', '=', ' ']).next().unwrap_or_default().trim_matches('"');
        match name {
            "store_dir" => format!("{indent}store_dir: \"{data}\""),
            // Files of the machine that it was set up on.
            "pid_file" | "ports_file_dir" | "log_file" | "logfile" | "logfile_size_limit" => String::new(),
            _ => line.replace(&self.folder, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_configuration_names_moves_with_it_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(folder.path()).unwrap();
        let at = here.display();
        let config = format!(
            "port: 4222\npid_file: \"{at}/nats.pid\"\ntls {{\n  cert_file: \"{at}/server.crt\"\n  key_file: \"{at}/server.key\"\n}}\n\
             jetstream {{\n  store_dir: \"{at}/store\"\n}}\n"
        );
        for (name, text) in
            [(NatsFiles::CONFIG, config.as_str()), ("server.crt", "C"), ("server.key", "K"), ("fleet.ticket", "T")]
        {
            fs::write(here.join(name), text).unwrap();
        }
        fs::create_dir(here.join("store")).unwrap();
        let moved = NatsFiles::read(folder.path()).unwrap().moved("/etc/nats", "/data");
        assert_eq!(moved.keys().collect::<Vec<_>>(), ["nats.conf", "server.crt", "server.key"]);
        let config = &moved["nats.conf"];
        assert!(
            config.contains("cert_file: \"/etc/nats/server.crt\"") && config.contains("  store_dir: \"/data\""),
            "{config}"
        );
        assert!(!config.contains(&at.to_string()), "{config}");
    }

    #[test]
    fn a_folder_without_a_configuration_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = NatsFiles::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("has no nats.conf"), "{error}");
    }
}
