//! A bearer token in a file that somebody else keeps fresh: a projected token of Kubernetes is a link that is put elsewhere, agents
//! of vaults rename a new file over the old one. So it is the content that is looked at, not the time of a file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};

use crate::files;
use crate::session::event::{Notice, NoticeLevel};
use scaletop_load::{Authorize, Unsigned};

/// The most of a token: what is longer is in the headers of no service that answers.
const MOST: u64 = 16 * 1024;

/// The token of a file, as it was last good.
pub(in crate::commands) struct BearerFile {
    path: PathBuf,
    header: RwLock<HeaderValue>,
}

impl fmt::Debug for BearerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Authorize for BearerFile {
    fn headers(&self, _: &Unsigned<'_>) -> Vec<(HeaderName, HeaderValue)> {
        let header = self.header.read().unwrap_or_else(PoisonError::into_inner).clone();
        vec![(AUTHORIZATION, header)]
    }
}

impl BearerFile {
    /// Reads it for the first time; the error says what is wrong, and nothing of the token.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        Ok(Self { path: path.to_owned(), header: RwLock::new(read(path)?) })
    }
}

/// Looks at the file again and again.
pub(super) struct Lookout {
    /// Whether the last look found no token, and this was told.
    is_failing: bool,
}

impl Lookout {
    pub(super) const fn new() -> Self {
        Self { is_failing: false }
    }

    /// Takes over what stands in the file now; what to tell of it, once when there is no token any more, and once when there is one
    /// again.
    pub(super) fn look(&mut self, file: &BearerFile) -> Option<Notice> {
        let path = file.path.display();
        match read(&file.path) {
            Ok(header) => {
                // Requests wait for nobody who only looks.
                if *file.header.read().unwrap_or_else(PoisonError::into_inner) != header {
                    *file.header.write().unwrap_or_else(PoisonError::into_inner) = header;
                }
                std::mem::take(&mut self.is_failing).then(|| Notice {
                    level: NoticeLevel::Info,
                    text: format!("there is a bearer token in {path} again: it is sent from now on"),
                })
            }
            Err(why) => (!std::mem::replace(&mut self.is_failing, true)).then(|| Notice {
                level: NoticeLevel::Warning,
                text: format!("no bearer token in {path}: {why}; the last one is sent until there is one again"),
            }),
        }
    }
}

/// The header with the token in `path`: its only line, without the space around it.
fn read(path: &Path) -> Result<HeaderValue, String> {
    let text = files::read_regular_text(path, MOST).map_err(|error| error.to_string())?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (token, more) = (lines.next(), lines.next());
    let token = token.ok_or("it is empty: write the token into it, on one line")?;
    if more.is_some() {
        return Err("it has several lines: write the token into it alone, on one line".to_owned());
    }
    // RFC 6750, section 2.1, and RFC 9110, section 11.2; some tokens have more signs than those.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "what stands in it is no token: it has a space, or a sign that no token has; write the token alone, without `Bearer`";
        return Err(why.to_owned());
    }
    let mut header =
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_invalid| "no header can hold it".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use http::{HeaderMap, Method};

    use super::*;

    fn sent(file: &BearerFile) -> String {
        let (method, headers) = (Method::GET, HeaderMap::new());
        let request = Unsigned { method: &method, path: "/", host: "h", headers: &headers, body: b"" };
        let [(name, value)] = &file.headers(&request)[..] else { panic!("one header") };
        assert!(name == AUTHORIZATION && value.is_sensitive());
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_token_of_the_file_is_sent_and_a_new_one_after_it_however_it_came_there() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        fs::write(&path, " hunter1\r\n").unwrap();
        let file = BearerFile::open(&path).unwrap();
        let mut lookout = Lookout::new();
        assert_eq!(sent(&file), "Bearer hunter1");
        assert!(!format!("{file:?}").contains("hunter1"));
        // Renamed over, with the time of the old one.
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let fresh = home.path().join("fresh");
        fs::write(&fresh, "hunter2").unwrap();
        fs::File::options().write(true).open(&fresh).unwrap().set_modified(time).unwrap();
        fs::rename(&fresh, &path).unwrap();
        assert_eq!((lookout.look(&file), sent(&file)), (None, "Bearer hunter2".to_owned()));
        assert_eq!(lookout.look(&file), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_put_elsewhere_is_a_new_token() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for (folder, token) in [("1", "a"), ("2", "b")] {
            fs::create_dir(at(folder)).unwrap();
            fs::write(at(folder).join("token"), token).unwrap();
        }
        // As kubelet does it: token → ..data/token, ..data → a folder of its own for each version.
        std::os::unix::fs::symlink("1", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/token", at("token")).unwrap();
        let file = BearerFile::open(&at("token")).unwrap();
        assert_eq!(sent(&file), "Bearer a");
        std::os::unix::fs::symlink("2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_eq!(Lookout::new().look(&file), None);
        assert_eq!(sent(&file), "Bearer b");
    }

    #[test]
    fn the_last_good_token_goes_on_while_there_is_none_and_both_ends_are_told_once() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        fs::write(&path, "hunter1").unwrap();
        let file = BearerFile::open(&path).unwrap();
        let mut lookout = Lookout::new();
        for gone in [None, Some(""), Some("hunter2\nhunter3")] {
            match gone {
                None => fs::remove_file(&path).unwrap(),
                Some(text) => fs::write(&path, text).unwrap(),
            }
            let told = lookout.look(&file).expect("it is told");
            assert_eq!(told.level, NoticeLevel::Warning);
            assert!(told.text.contains("the last one is sent") && !told.text.contains("hunter"), "{}", told.text);
            assert_eq!((lookout.look(&file), sent(&file)), (None, "Bearer hunter1".to_owned()), "once");
            fs::write(&path, "hunter1\n").unwrap();
            let told = lookout.look(&file).expect("it is told");
            assert!(told.level == NoticeLevel::Info && told.text.contains("again"), "{}", told.text);
        }
        fs::write(&path, "hunter4").unwrap();
        assert_eq!((lookout.look(&file), sent(&file)), (None, "Bearer hunter4".to_owned()));
    }

    #[test]
    fn what_is_no_token_is_refused_with_what_to_do_and_not_repeated() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        let long = "hunter2".repeat(3_000);
        for (text, part) in [
            ("", "it is empty"),
            (" \n\n", "it is empty"),
            ("hunter2\nhunter3", "several lines"),
            ("Bearer hunter2", "without `Bearer`"),
            ("hunter2\u{7}x", "no token"),
            ("hunter2é", "no token"),
            (&long, "the most that is read"),
        ] {
            fs::write(&path, text).unwrap();
            let told = BearerFile::open(&path).expect_err(part);
            assert!(told.contains(part) && !told.contains("hunter"), "{told}");
        }
        assert!(BearerFile::open(home.path()).unwrap_err().contains("no regular file"));
        assert!(BearerFile::open(&home.path().join("none")).is_err());
    }
}
