//! Files that others may have put in the way: reading is bounded in size and time, and writing never goes through a link.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use tempfile::NamedTempFile;

/// The most of a plan, a configuration, a file of headers.
pub(crate) const MOST_TEXT: u64 = 1024 * 1024;

/// The most of a body: every request of a run holds it.
pub(crate) const MOST_BODY: u64 = 64 * 1024 * 1024;

/// The most of a file of certificates.
pub(crate) const MOST_CERTIFICATES: u64 = 16 * 1024 * 1024;

/// How long a pipe may take to say what it has to say.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The whole of `path`, which may have `most` bytes. A pipe is read, too (`<(…)` of a shell), but not waited for without end.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if kind.is_file() {
        return read_whole(path, most);
    }
    let (done, ended) = mpsc::channel();
    let pipe = path.to_owned();
    std::thread::Builder::new().name("pipe".to_owned()).spawn(move || done.send(read_whole(&pipe, most)))?;
    ended.recv_timeout(LONGEST_WAIT).unwrap_or_else(|_| {
        let why =
            format!("it is no regular file, and did not end within {} s; name a regular file", LONGEST_WAIT.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

/// Standard input, to its end: the same for everybody who asks, since it can be read once only.
pub(crate) fn standard_input(most: u64) -> io::Result<&'static [u8]> {
    static INPUT: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(read) = INPUT.get() {
        return Ok(read);
    }
    let bytes = bounded(io::stdin().lock(), most)?;
    Ok(INPUT.get_or_init(|| bytes))
}

/// As [`read`], of text; `-` is standard input.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
    let bytes = if is_standard_input(path) { standard_input(most)?.to_vec() } else { read(path, most)? };
    String::from_utf8(bytes).map_err(not_text)
}

/// Whether a path that was given means standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// As [`read_text`], of a regular file only: what somebody else may have put there is not worth waiting for.
pub(crate) fn read_regular_text(path: &Path, most: u64) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    read_text(path, most)
}

fn read_whole(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    bounded(File::open(path)?, most)
}

/// All of it, which may be `most` bytes.
fn bounded(input: impl io::Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= most {
        return Ok(bytes);
    }
    let why = format!("it has more than {} KiB, the most that is read", most / 1024);
    Err(io::Error::new(io::ErrorKind::FileTooLarge, why))
}

/// Makes `bytes` the content of `path`. A link in its place is replaced, never followed; a device or a pipe, such as
/// `/dev/stdout`, is written to.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let special = fs::metadata(path).is_ok_and(|kind| !kind.is_file() && !kind.is_dir());
    if special {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = unfinished(folder, ".scaletop.")?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(|_: File| ()).map_err(io::Error::from)
}

/// A new file in `folder`, for whoever may read what this user writes. Its name begins with `prefix`, goes on with chance, and
/// was nobody's before: a link that lies in wait is not followed. When it is dropped without a name of its own, it goes.
pub(crate) fn unfinished(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(".unfinished");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file: the process' umask takes away what it must not have.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_or_a_folder_is_refused_with_the_reason() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert!(read(&file, 4).unwrap_err().to_string().contains("the most that is read"));
        assert!(read(home.path(), 5).unwrap_err().to_string().contains("a folder"));
        assert!(read_regular_text(home.path(), 5).unwrap_err().to_string().contains("no regular file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_end_is_left_after_the_most_and_never_read_as_a_configuration() {
        let zero = Path::new("/dev/zero");
        assert_eq!(read(zero, MOST_TEXT).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read_regular_text(zero, MOST_TEXT).unwrap_err().to_string().contains("no regular file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_stays() {
        let home = tempfile::tempdir().unwrap();
        let (elsewhere, name) = (home.path().join("elsewhere"), home.path().join("page.html"));
        fs::write(&elsewhere, "untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &name).unwrap();
        write(&name, b"new").unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(&name).unwrap(), "new");
        assert!(fs::symlink_metadata(&name).unwrap().is_file());
        write(Path::new("/dev/null"), b"gone").unwrap();
    }
}
