//! One program at a time writes into a server's folder: two nats-servers on one store destroy it, and tickets that somebody else
//! writes are those of no server.
//!
//! What says so is a lock of the system's on a file, which ends with the process that has it, however that ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::ServerError;

/// The file that is locked. It says which process has it, and stays when that has ended.
const FILE_NAME: &str = "serve.lock";

/// More of the file is not read.
const MOST: u64 = 64;

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}

impl Hold {
    /// Takes the folder, which is made where there is none.
    ///
    /// # Errors
    /// When another process has it, or nothing can be written there.
    pub fn take(dir: &Path) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Folder { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let path = dir.join(FILE_NAME);
        // What another one has written into it stays until the lock is ours.
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(dir, &mut file)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        note(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Writes who has it.
fn note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    file.flush()
}

/// That another process has it, and which, where that can be read: not every system lets others read what is locked.
fn in_use(dir: &Path, file: &mut File) -> ServerError {
    let mut text = String::new();
    let _ = file.take(MOST).read_to_string(&mut text);
    ServerError::InUse { path: PathBuf::from(dir), pid: text.trim().parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_holder_s_until_that_lets_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("new");
        let first = Hold::take(&folder).expect("the first");
        let refused = Hold::take(&folder).expect_err("a second");
        let words = refused.to_string();
        assert!(words.contains(&format!("process {}", std::process::id())) && words.contains("--dir"), "{words}");
        drop(first);
        Hold::take(&folder).expect("the next");
    }
}
