//! Which moment of a recording is shown: a position that follows the time that passes, times a speed. Pure: the time comes
//! in as an argument, and runs from the beginning of the replay, not of the session.

use std::time::Duration;

use scaletop_units::Elapsed;

use crate::values::SPEEDS;

/// Within this long after a step's start (of the time that passes for the viewer), *previous* means the step before.
const GRACE: Duration = Duration::from_secs(2);

/// What is known of the whole recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The time of its last event.
    pub end: Elapsed,
    /// When each step began, ascending.
    pub steps: Vec<Elapsed>,
}

/// Which moment is shown, and how that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// The moment that is asked for.
    position: Elapsed,
    /// The viewer's time at which it was right.
    as_of: Elapsed,
    /// Index into [`SPEEDS`].
    speed: usize,
    playing: bool,
    /// The state on the screen is not yet the one of the position: the position waits for it.
    behind: bool,
    /// `None` until the recording has been read once.
    outline: Option<Outline>,
}

impl Player {
    /// At the beginning, playing, at the highest of [`SPEEDS`] that is not above `speed`.
    pub fn new(speed: u32) -> Self {
        let speed = SPEEDS.iter().rposition(|&known| known <= speed).unwrap_or(0);
        Self { position: Elapsed::ZERO, as_of: Elapsed::ZERO, speed, playing: true, behind: false, outline: None }
    }

    /// The moment that is asked for.
    pub const fn position(&self) -> Elapsed {
        self.position
    }

    /// How many times as fast as it happened.
    pub fn speed(&self) -> u32 {
        SPEEDS[self.speed.min(SPEEDS.len() - 1)]
    }

    /// Whether the position moves by itself.
    pub const fn is_playing(&self) -> bool {
        self.playing
    }

    /// Whether the state on the screen is on its way to the position.
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    /// The recording's last moment, once it is known.
    pub fn end(&self) -> Option<Elapsed> {
        self.outline.as_ref().map(|outline| outline.end)
    }

    /// When each step began, as far as it is known.
    pub fn step_starts(&self) -> &[Elapsed] {
        self.outline.as_ref().map_or(&[], |outline| &outline.steps)
    }

    /// Whether nothing comes after the position.
    pub fn is_at_end(&self) -> bool {
        self.end().is_some_and(|end| self.position >= end)
    }

    /// It is `now` for the viewer: moves the position on. At the end it stays, paused.
    pub fn advance(&mut self, now: Elapsed) {
        let passed = now.saturating_since(self.as_of);
        self.as_of = self.as_of.max(now);
        if self.playing && !self.behind {
            self.position = self.position + passed.saturating_mul(self.speed());
        }
        self.stop_at_end();
    }

    /// The recording has been read once.
    pub fn learn(&mut self, outline: Outline) {
        self.outline = Some(outline);
        self.stop_at_end();
    }

    /// Whether the state on the screen has reached the position.
    pub fn set_behind(&mut self, behind: bool) {
        self.behind = behind;
    }

    /// Plays or pauses. At the end, plays from the beginning.
    pub fn toggle(&mut self) {
        if !self.playing && self.is_at_end() {
            self.position = Elapsed::ZERO;
        }
        self.playing = !self.playing;
    }

    /// Pauses.
    pub fn pause(&mut self) {
        self.playing = false;
    }

    /// The next higher speed.
    pub fn faster(&mut self) {
        self.speed = (self.speed + 1).min(SPEEDS.len() - 1);
    }

    /// The next lower speed.
    pub fn slower(&mut self) {
        self.speed = self.speed.saturating_sub(1);
    }

    /// Goes so many seconds on, or back when negative; not beyond either end.
    pub fn seek_by(&mut self, secs: i64) {
        let by = Duration::from_secs(secs.unsigned_abs());
        self.seek(if secs < 0 { self.position - by } else { self.position + by });
    }

    /// Goes to a moment, at most to the end.
    pub fn seek(&mut self, at: Elapsed) {
        self.position = at;
        self.stop_at_end();
    }

    /// Goes to the beginning; playing goes on.
    pub fn to_start(&mut self) {
        self.position = Elapsed::ZERO;
    }

    /// Goes to the end. False while nobody knows where that is.
    pub fn to_end(&mut self) -> bool {
        let Some(end) = self.end() else { return false };
        self.position = end;
        self.playing = false;
        true
    }

    /// Goes to where the next step begins, or to the end. Its number; `None` when there is none, or nobody knows yet.
    pub fn to_next_step(&mut self) -> Option<usize> {
        let steps = &self.outline.as_ref()?.steps;
        let next = steps.partition_point(|&start| start <= self.position);
        let Some(&start) = steps.get(next) else {
            self.to_end();
            return None;
        };
        self.position = start;
        Some(next + 1)
    }

    /// Goes to where this step began; shortly after that, to where the one before began. Its number; `None` for the
    /// beginning of the recording, or when nobody knows yet.
    pub fn to_previous_step(&mut self) -> Option<usize> {
        let grace = if self.playing { GRACE.saturating_mul(self.speed()) } else { Duration::ZERO };
        let steps = &self.outline.as_ref()?.steps;
        let before = steps.partition_point(|&start| start + grace < self.position);
        self.position = before.checked_sub(1).map_or(Elapsed::ZERO, |at| steps[at]);
        (before > 0).then_some(before)
    }

    /// How many steps there are, once that is known.
    pub fn steps(&self) -> Option<usize> {
        self.outline.as_ref().map(|outline| outline.steps.len())
    }

    fn stop_at_end(&mut self) {
        if let Some(end) = self.end().filter(|&end| self.position >= end) {
            self.position = end;
            self.playing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(secs: u64) -> Elapsed {
        Elapsed::from_secs(secs)
    }

    /// A recording of 100 s with steps at 10, 30 and 60 s.
    fn player() -> Player {
        let mut player = Player::new(1);
        player.learn(Outline { end: secs(100), steps: vec![secs(10), secs(30), secs(60)] });
        player
    }

    #[test]
    fn the_position_moves_as_fast_as_it_is_told_to_from_when_it_is_told() {
        let mut player = player();
        player.advance(secs(4));
        assert_eq!(player.position(), secs(4));
        player.faster();
        player.faster();
        assert_eq!((player.position(), player.speed()), (secs(4), 5), "a new speed moves nothing by itself");
        player.advance(secs(6));
        assert_eq!(player.position(), secs(14));
    }

    #[test]
    fn speed_ends_at_one_and_at_fifty() {
        let mut player = Player::new(1);
        player.slower();
        assert_eq!(player.speed(), 1);
        (0..10).for_each(|_| player.faster());
        assert_eq!(player.speed(), 50);
        assert_eq!(Player::new(7).speed(), 5);
    }

    #[test]
    fn a_pause_holds_the_position_and_costs_nothing_later() {
        let mut player = player();
        player.advance(secs(5));
        player.toggle();
        player.advance(secs(50));
        assert_eq!(player.position(), secs(5));
        player.toggle();
        player.advance(secs(51));
        assert_eq!(player.position(), secs(6));
    }

    #[test]
    fn at_the_end_it_stays_paused_and_playing_begins_anew() {
        let mut player = player();
        player.advance(secs(500));
        assert_eq!((player.position(), player.is_playing()), (secs(100), false));
        player.toggle();
        assert_eq!((player.position(), player.is_playing()), (Elapsed::ZERO, true));
    }

    #[test]
    fn it_waits_for_the_picture() {
        let mut player = player();
        player.set_behind(true);
        player.advance(secs(5));
        assert_eq!(player.position(), Elapsed::ZERO);
        player.set_behind(false);
        player.advance(secs(6));
        assert_eq!(player.position(), secs(1), "only what passed since it caught up");
    }

    #[test]
    fn jumps_go_from_step_to_step_and_end_at_the_ends() {
        let mut player = player();
        player.toggle();
        let forward: Vec<_> = (0..4).map(|_| (player.to_next_step(), player.position())).collect();
        assert_eq!(forward, [(Some(1), secs(10)), (Some(2), secs(30)), (Some(3), secs(60)), (None, secs(100))]);
        let back: Vec<_> = (0..4).map(|_| (player.to_previous_step(), player.position())).collect();
        assert_eq!(back, [(Some(3), secs(60)), (Some(2), secs(30)), (Some(1), secs(10)), (None, Elapsed::ZERO)]);
    }

    #[test]
    fn within_a_step_previous_is_its_start_unless_it_has_just_begun_to_play() {
        let mut player = player();
        player.advance(secs(45));
        assert_eq!((player.to_previous_step(), player.position()), (Some(2), secs(30)));
        player.advance(secs(46));
        assert_eq!((player.to_previous_step(), player.position()), (Some(1), secs(10)), "a second later");
    }

    #[test]
    fn before_the_recording_was_read_nobody_knows_its_steps_or_its_end() {
        let mut player = Player::new(50);
        player.advance(secs(3));
        assert_eq!((player.to_next_step(), player.to_previous_step(), player.to_end()), (None, None, false));
        assert_eq!(player.position(), secs(150));
        player.learn(Outline { end: secs(100), steps: Vec::new() });
        assert_eq!((player.position(), player.is_playing()), (secs(100), false));
    }

    proptest! {
        #[test]
        fn the_position_never_passes_the_end_and_never_goes_back_by_itself(presses in prop::collection::vec((0_u8..7, 0_u64..9_000), 1..60)) {
            let mut player = player();
            let mut now = Elapsed::ZERO;
            for (key, millis) in presses {
                match key {
                    0 => player.toggle(),
                    1 => player.faster(),
                    2 => player.slower(),
                    3 => drop(player.to_next_step()),
                    4 => drop(player.to_previous_step()),
                    5 => player.set_behind(millis % 2 == 0),
                    _ => player.to_start(),
                }
                let before = player.position();
                now = now + Duration::from_millis(millis);
                player.advance(now);
                prop_assert!(before <= player.position() && player.position() <= secs(100));
            }
        }
    }
}
