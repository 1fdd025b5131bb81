//! A moment of a recorded session as a picture of the screen, or several as a moving one: `cargo run --no-default-features
//! --example picture -- SESSION SECONDS VIEW COLUMNSxROWS TITLE > FILE.svg`. SECONDS is a second of the session, or several
//! with commas between (`8,10,12`). `make pictures` makes those of the README and of the pages with it.

mod moving;

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
    let moments = seconds.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let view = View::ALL.into_iter().find(|known| known.title().eq_ignore_ascii_case(view));
    let view = view.ok_or("no such view: overview, latency, instances, steps or log")?;
    let (columns, rows) = size.split_once('x').ok_or("no size such as 120x40")?;
    let size = (columns.parse()?, rows.parse()?);
    let mut recording = SeekableRecording::open(Path::new(session))?;
    let header = recording.header().clone();
    let mut shown = Session::new(header.clone());
    let mut frames = Vec::new();
    for moment in moments {
        let at = Elapsed::from_secs(moment);
        while let Some(recorded) = recording.next_until(at)? {
            shown.apply(recorded.at, &recorded.event);
        }
        let state = State::live(header.clone(), Live::new(ArrivalRate::new(600)));
        let state = state.showing(shown.clone(), at, Ui { view, ..Ui::default() });
        frames.push(picture(&state, Theme::DARK, size, title));
    }
    match frames.as_slice() {
        [still] => print!("{still}"),
        _ => print!("{}", moving::moving(&frames)),
    }
    Ok(())
}
