//! The keys that are shown are those in force.

use super::*;
use crate::app::keymap::rebound::Wish;
use crate::app::state::Ui;

/// A session that has sent nothing, with keys of one's own.
fn with_keys_of_ones_own(ui: impl FnOnce(&mut Ui)) -> State {
    let spike = ["f5".to_owned()];
    let up = ["w".to_owned()];
    let wish = |action, keys| Wish { place: None, action, keys };
    let wishes =
        [wish("spike", &spike[..]), wish("rate-up", &up), wish("cycle-window", &[]), wish("cancel", &spike[..0])];
    let keys = std::sync::Arc::new(KeyMap::rebound(&wishes).unwrap());
    state()
        .ui(|shown| {
            shown.keys = keys;
            ui(shown);
        })
        .build()
}

#[test]
fn hints_help_and_the_first_screen_show_the_keys_in_force() {
    let shown = |state: &State| letters(frame(state, Theme::DARK, 120, 40).backend().buffer()).join("\n");
    let first = shown(&with_keys_of_ones_own(|_| {}));
    assert!(
        first.contains("w          sends 50/s more; ↓ fewer") && first.contains("F5         spikes to 600/s"),
        "{first}"
    );
    assert!(first.contains("w ↓ rate  ") && first.contains("  F5 spike  "), "{first}");
    assert!(first.contains("none yet: w raises the rate, F5 spikes it"), "{first}");
    let help = shown(&with_keys_of_ones_own(|ui| ui.help = Some(0)));
    assert!(
        help.contains("│ w  ↓ j          raise, lower the rate") && help.contains("│ F5              spike"),
        "{help}"
    );
    assert!(
        help.contains("? closes; ") && help.contains("other keys keep working ") && !help.contains("time window"),
        "{help}"
    );
    let past = shown(&with_keys_of_ones_own(|ui| ui.range.until = Some(Elapsed::ZERO)));
    assert!(!past.contains("back to live"), "no key does it: {past}");
}
