//! Pictures of the screen one after the other, as one SVG that moves by itself, also in an `img`. What several of them have in
//! common is there once. Who asks for less motion, and what knows no animation, gets the last one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How long each picture is shown, in seconds, and how much longer the last one.
const EACH: f64 = 0.5;
const LAST: f64 = 5.0;

/// Height of a cell: what is so high lies behind letters and lines.
const CELL: &str = "17";

/// In which pictures something is shown: a bit for each.
type Frames = u64;

/// What is shown in the same pictures.
#[derive(Default)]
struct Shared {
    /// Rectangles by color: those that fill a cell, then the others.
    behind: BTreeMap<String, String>,
    drawn: BTreeMap<String, String>,
    written: Vec<String>,
}

/// One picture out of `frames`, of which there are 64 at most.
pub(crate) fn moving(frames: &[String]) -> String {
    let mut seen: BTreeMap<&str, Frames> = BTreeMap::new();
    let mut order = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        for line in frame.lines().filter(|line| line.starts_with("<rect x") || line.starts_with("<text")) {
            let in_frames = seen.entry(line).or_insert_with(|| {
                order.push(line);
                0
            });
            *in_frames |= 1 << at;
        }
    }
    let mut groups: BTreeMap<Frames, Shared> = BTreeMap::new();
    for line in order {
        groups.entry(seen[line]).or_default().add(line);
    }
    let all = Frames::MAX >> (Frames::BITS as usize - frames.len());
    let length = frames.len() as f64 * EACH + LAST;
    let mut out = String::new();
    // The opening tag, what it is called, and the paper.
    out.extend(frames[0].lines().take(3).flat_map(|line| [line, "\n"]));
    let mut style = String::new();
    for (name, &shown) in groups.keys().filter(|&&shown| shown != all).enumerate() {
        keyframes(&mut style, name, shown, frames.len(), length);
    }
    // A write to a String cannot fail.
    let _ =
        writeln!(out, "<style>{style}@media(prefers-reduced-motion:reduce){{g{{animation:none!important}}}}</style>");
    for layer in [Shared::behind as fn(&Shared) -> String, Shared::drawn, Shared::written] {
        let mut name = 0;
        for (&shown, shared) in &groups {
            let content = layer(shared);
            let is_last = shown >> (frames.len() - 1) & 1 == 1;
            if shown == all {
                out.push_str(&content);
                continue;
            }
            let hidden = if is_last { "" } else { " visibility=\"hidden\"" };
            if !content.is_empty() {
                let _ = writeln!(out, "<g class=\"f{name}\"{hidden}>\n{content}</g>");
            }
            name += 1;
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The style that shows the group `name` in the pictures that `shown` says.
fn keyframes(style: &mut String, name: usize, shown: Frames, frames: usize, length: f64) {
    let is_in = |at: usize| shown >> at & 1 == 1;
    let _ = write!(style, ".f{name}{{animation:f{name} {length:.1}s step-end infinite}}@keyframes f{name}{{");
    for at in (0..frames).filter(|&at| at == 0 || is_in(at) != is_in(at - 1)) {
        let visibility = if is_in(at) { "visible" } else { "hidden" };
        let _ = write!(style, "{:.2}%{{visibility:{visibility}}}", at as f64 * EACH / length * 100.0);
    }
    style.push_str("}\n");
}

impl Shared {
    fn add(&mut self, line: &str) {
        let values: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let ([x, y, width, height, fill], true) = (&values[..], line.starts_with("<rect")) else {
            self.written.push(line.to_owned());
            return;
        };
        let layer = if *height == CELL { &mut self.behind } else { &mut self.drawn };
        let path = layer.entry((*fill).to_owned()).or_default();
        let _ = write!(path, "M{x} {y}h{width}v{height}H{x}z");
    }

    fn behind(&self) -> String {
        paths(&self.behind)
    }

    fn drawn(&self) -> String {
        paths(&self.drawn)
    }

    fn written(&self) -> String {
        self.written.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

fn paths(by_color: &BTreeMap<String, String>) -> String {
    by_color.iter().fold(String::new(), |mut out, (color, path)| {
        let _ = writeln!(out, "<path fill=\"{color}\" d=\"{path}\"/>");
        out
    })
}
