//! What generators ask and say, and what they are answered.

use crate::message::{self, Answer, ArrivedSecond, Beat, BeatAnswer, Hello, PROTOCOL, ReadError, Verdict, Welcome};
use crate::roster::Greeted;

use super::{Conductor, Elapsed, GeneratorChange, GeneratorId, Phase, Said, State};

impl Conductor {
    /// A generator says hello; `None`: no answer, it asks again.
    pub(crate) fn hello(&mut self, now: Elapsed, body: &[u8]) -> Option<Vec<u8>> {
        let hello = match message::read::<Hello>(body) {
            Ok(hello) => hello,
            Err(ReadError::Protocol(theirs)) => {
                let version = message::version_of_stranger(body).unwrap_or_else(|| "of an unknown version".to_owned());
                let ours = &self.settings.version;
                let why = format!(
                    "it is scaletop {version} with protocol {theirs}, the controller scaletop {ours} with protocol {PROTOCOL}; use the same version on both"
                );
                return Some(self.refuse("a generator", &why));
            }
            // Nobody's question: an answer would help nobody.
            Err(ReadError::Alien(_)) => return None,
        };
        self.is_deposed |= hello.epoch > self.settings.epoch;
        let hello = hello.body;
        if hello.version != self.settings.version && !self.settings.allow_versions {
            let why = format!(
                "it is scaletop {}, the controller scaletop {}; use the same version on both, or --allow-versions",
                hello.version, self.settings.version
            );
            return Some(self.refuse(hello.id.as_str(), &why));
        }
        match self.roster.greet(now, &hello) {
            Greeted::NotYet => None,
            Greeted::Refused(why) => Some(self.refuse(hello.id.as_str(), &why)),
            Greeted::In(first_number) => {
                let (document, signature) = self.settings.document.clone();
                let welcome = Welcome { first_number, document, signature };
                Some(message::write(self.settings.epoch, 0, &Answer::Welcome(Box::new(welcome))))
            }
        }
    }

    fn refuse(&mut self, whom: &str, why: &str) -> Vec<u8> {
        self.said.push_back(Said::Notice(format!("{whom} was refused: {why}")));
        message::write(self.settings.epoch, 0, &Answer::Refused(why.to_owned()))
    }

    /// A generator beats; `None`: no answer.
    pub(crate) fn beat(&mut self, now: Elapsed, id: &GeneratorId, body: &[u8]) -> Option<Vec<u8>> {
        let beat = message::read::<Beat>(body).ok()?;
        self.is_deposed |= beat.epoch > self.settings.epoch;
        if self.is_deposed {
            return None;
        }
        let verdict = if beat.epoch < self.settings.epoch {
            Verdict::Unknown
        } else {
            let was = self.roster.get(id).map(|generator| (generator.state, generator.given_up));
            let verdict = self.roster.beat(now, id, &beat.body);
            self.note_beat(id, was);
            if verdict == Verdict::Granted && matches!(self.phase, Phase::Stopping(stopped, _) if now >= stopped) {
                Verdict::Leave
            } else {
                verdict
            }
        };
        let answer = BeatAnswer { received: now, answered: now, schedule: self.number, verdict };
        // What comes of it is done at the next tick, for all beats together: a large fleet has a thousand a second.
        Some(message::write(self.settings.epoch, beat.number, &answer))
    }

    /// Says what a beat changed.
    fn note_beat(&mut self, id: &GeneratorId, was: Option<(State, u64)>) {
        let (Some((state, given_up)), Some(generator)) = (was, self.roster.get(id)) else { return };
        if generator.given_up > given_up {
            let more = generator.given_up - given_up;
            self.given_up += more;
            self.said.push_back(Said::Notice(format!(
                "{id} gave up {more} second{} that nobody stored: what was counted there is unreported",
                if more == 1 { "" } else { "s" }
            )));
        }
        if state != State::Left && generator.state == State::Left {
            self.tell(id, GeneratorChange::Left, None);
        }
    }

    /// The schedule, for whoever asks.
    pub(crate) fn schedule(&self, now: Elapsed) -> Vec<u8> {
        let prepared = self.prepared.as_ref().map(|prepared| prepared.at);
        message::write(self.settings.epoch, self.number, &self.schedule.publish(now, prepared))
    }

    /// A generator's second; at the next tick those that are complete close.
    pub(crate) fn second(&mut self, id: &GeneratorId, number: u64, body: &[u8]) {
        let added = message::read::<ArrivedSecond>(body)
            .map_err(|error| error.to_string())
            .and_then(|arrived| self.gather.add(id, number, arrived.body).map_err(|error| error.to_string()));
        if let Err(why) = added {
            self.said.push_back(Said::Notice(format!("a second of {id} was left out: {why}")));
        }
    }
}
