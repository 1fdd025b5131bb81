//! Keys and colors of one's own: what `scaletop.toml` says of them, understood before anything else is done.

use std::sync::Arc;

use crate::app::keymap::KeyMap;
use crate::app::keymap::names::ACTIONS;
use crate::app::keymap::rebound::{RebindError, Wish};
use crate::cli::config_file::Place;
use crate::cli::own::{self, OwnEntry};
use crate::commands::CommandError;
use crate::tui::theme::own::{ColorError, OwnColors, ROLES};
use crate::values;

/// What somebody wants of the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    pub(super) keys: Arc<KeyMap>,
    pub(super) colors: OwnColors,
    /// Where each role's color stands.
    pub(super) roles: Vec<(String, Place)>,
}

impl Own {
    /// Understands the tables of the file, or says what is wrong with them, where.
    pub(super) fn read(own: &own::Own) -> Result<Self, CommandError> {
        let wrong = |entry: &OwnEntry, problem: String| CommandError::Own { place: entry.place.clone(), problem };
        let wishes: Vec<Wish<'_>> = own
            .keys
            .iter()
            .map(|entry| Wish { place: entry.inner.as_deref(), action: &entry.name, keys: &entry.values })
            .collect();
        let keys = KeyMap::rebound(&wishes).map_err(|(at, error)| {
            let nearest = match &error {
                RebindError::Action(name) => said(name, ACTIONS.iter().map(|(known, ..)| *known)),
                _ => String::new(),
            };
            wrong(&own.keys[at], format!("{error}{nearest}"))
        })?;
        let mut colors = OwnColors::NONE;
        // What is said of all themes first, so that what is said of one stays.
        let (all, some): (Vec<_>, Vec<_>) = own.theme.iter().partition(|entry| entry.inner.is_none());
        for entry in all.into_iter().chain(some) {
            let color = entry.values.first().map_or("", String::as_str);
            colors.with(entry.inner.as_deref(), &entry.name, color).map_err(|error| {
                let nearest = match &error {
                    ColorError::Role(name) => said(name, ROLES.iter().map(|(known, ..)| *known)),
                    _ => String::new(),
                };
                wrong(entry, format!("{error}{nearest}"))
            })?;
        }
        let roles = own.theme.iter().map(|entry| (entry.name.clone(), entry.place.clone())).collect();
        Ok(Self { keys: Arc::new(keys), colors, roles })
    }
}

/// Which name was meant, and where all of them are.
fn said<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = values::nearest(name, known);
    nearest.map_or_else(String::new, |nearest| format!("; the nearest is `{nearest}`")) + "; docs/settings.md has all"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::environment::tests::with_file;

    fn read(text: &str) -> Result<Own, String> {
        Own::read(&with_file(text, &["scaletop", "demo"]).unwrap().cli.own).map_err(|error| {
            assert_eq!(error.exit_code(), 2, "{error}");
            error.to_string()
        })
    }

    #[test]
    fn what_is_wrong_is_said_with_file_and_line_and_the_nearest_name() {
        for (text, line, says) in [
            ("[keys]\nspikes = \"s\"\n", 2, "the nearest is `spike`"),
            ("[keys]\nxyz = \"s\"\n", 2, "no key does `xyz`"),
            ("[keys]\nspike = \"u\"\n", 2, "both `spike` and `undo`"),
            ("[keys]\n\n# mine\nspike = [\"f5\", \"hyper-x\"]\n", 4, "`hyper-x` is no key"),
            ("[keys.chart]\nspike = \"f5\"\n", 2, "charts, tables"),
            ("[theme]\nlabels = \"red\"\n", 2, "the nearest is `label`"),
            ("[theme]\nok = \"rad\"\n", 2, "`rad` is no color"),
            ("[theme]\nok = 256\n", 2, "`256` is no color"),
            ("[theme.dork]\nok = 1\n", 2, "dark, light, ansi"),
        ] {
            let error = read(text).unwrap_err();
            let begins = error.starts_with(&format!("scaletop.toml, line {line}: "));
            assert!(begins && error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_taken() {
        let Ok(page) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")) else {
            return;
        };
        let (_, rest) = page.split_once("```toml\n").expect("an example");
        let (example, _) = rest.split_once("```").expect("its end");
        let own = read(example).unwrap();
        assert!(*own.keys != KeyMap::default() && own.colors != OwnColors::NONE);
    }

    #[test]
    fn a_color_of_one_theme_stays_wherever_it_stands_in_the_file() {
        let own = read("[theme.dark]\nok = 1\n[theme]\nok = 2\n").unwrap();
        let other = read("[theme]\nok = 2\n[theme.dark]\nok = 1\n").unwrap();
        assert_eq!(own.colors, other.colors);
    }
}
