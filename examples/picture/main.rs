//! A moment of a recorded session as a picture of the screen: `cargo run --no-default-features --example picture -- SESSION
//! SECONDS VIEW COLUMNSxROWS TITLE > FILE.svg`. `make pictures` makes those of the README with it.

use std::error::Error;
use std::path::Path;

use scaletop::{Live, SeekableRecording, Session, State, Theme, Ui, View, picture};
use scaletop_units::{ArrivalRate, Elapsed};

#[expect(clippy::print_stdout, reason = "the picture is the purpose of this program")]
fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [session, seconds, view, size, title] = words.as_slice() else {
        return Err("wanted: SESSION SECONDS VIEW COLUMNSxROWS TITLE".into());
    };
    let at = Elapsed::from_secs(seconds.parse()?);
    let view = View::ALL.into_iter().find(|known| known.title().eq_ignore_ascii_case(view));
    let view = view.ok_or("no such view: overview, latency, instances, steps or log")?;
    let (columns, rows) = size.split_once('x').ok_or("no size such as 120x40")?;
    let mut recording = SeekableRecording::open(Path::new(session))?;
    let header = recording.header().clone();
    let mut shown = Session::new(header.clone());
    while let Some(recorded) = recording.next_until(at)? {
        shown.apply(recorded.at, &recorded.event);
    }
    let state = State::live(header, Live::new(ArrivalRate::new(600)));
    let state = state.showing(shown, at, Ui { view, ..Ui::default() });
    print!("{}", picture(&state, Theme::DARK, (columns.parse()?, rows.parse()?), title));
    Ok(())
}
