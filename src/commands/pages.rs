//! Completions and manual pages: what the command line's grammar says, for shells and for man. Neither names what is hidden.

use std::io::{self, Write as _};
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::commands::CommandError;
use crate::files;

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> Result<u8, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::shown(), "scaletop", &mut script);
    print(&script)
}

/// Prints the manual page of scaletop, or writes those of all commands into a folder.
pub(super) fn man(folder: Option<&Path>) -> Result<u8, CommandError> {
    let grammar = Cli::shown();
    let Some(folder) = folder else { return print(&page(&grammar)?) };
    let because = |path: &Path| {
        let path = path.to_owned();
        |source| CommandError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(because(folder))?;
    let mut pages = vec![grammar];
    let mut at = 0;
    // Each with those of its own behind it.
    while let Some(one) = pages.get(at) {
        let inner: Vec<Command> = one.get_subcommands().map(|inner| of_command(one, inner)).collect();
        pages.extend(inner);
        at += 1;
    }
    for one in pages {
        let path = folder.join(format!("{}.1", one.get_name()));
        files::write(&path, &page(&one)?).map_err(because(&path))?;
    }
    Ok(0)
}

/// A command as a page of its own: `scaletop-run`, which is typed `scaletop run`.
fn of_command(outer: &Command, command: &Command) -> Command {
    let name = format!("{}-{}", outer.get_name(), command.get_name());
    let typed = name.replace('-', " ");
    command.clone().name(name).bin_name(typed).version(env!("CARGO_PKG_VERSION"))
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// Whoever wanted only its beginning is gone by now, and that is no error.
fn print(text: &[u8]) -> Result<u8, CommandError> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(0),
    }
}
