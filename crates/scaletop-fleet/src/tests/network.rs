//! A network between a controller and its generators that delays, loses, repeats and cuts, by a seed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use scaletop_units::GeneratorId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::link::{Ask, ControllerLink, FromController, GeneratorLink, Incoming, Outgoing, Question, ToStore};

/// What is wrong with it.
#[derive(Debug)]
struct Faults {
    rng: fastrand::Rng,
    loss: f64,
    repeat: f64,
    longest: Duration,
    /// Of each generator: cut off towards the controller, and from it.
    cuts: Vec<(bool, bool)>,
    is_out: bool,
}

/// Where each generator hears, in the order in which they joined.
type Inboxes = Rc<RefCell<Vec<(GeneratorId, mpsc::Sender<FromController>)>>>;

/// The network.
#[derive(Clone, Debug)]
pub(super) struct Network {
    faults: Rc<RefCell<Faults>>,
    to_controller: Rc<RefCell<mpsc::Sender<Incoming>>>,
    inboxes: Inboxes,
    /// What was stored, in order.
    stored: Rc<RefCell<Vec<(GeneratorId, u64, Bytes)>>>,
}

impl Network {
    /// A good one, and the controller's end of it.
    pub(super) fn new(seed: u64) -> (Self, ControllerLink) {
        // Nobody hears it before there is a controller.
        let to_controller = Rc::new(RefCell::new(mpsc::channel(1).0));
        let rng = fastrand::Rng::with_seed(seed);
        let longest = Duration::from_millis(3);
        let faults = Faults { rng, loss: 0.0, repeat: 0.0, longest, cuts: vec![(false, false); 16], is_out: false };
        let faults = Rc::new(RefCell::new(faults));
        let net = Self { faults, to_controller, inboxes: Rc::default(), stored: Rc::default() };
        let link = net.again();
        (net, link)
    }

    /// The end of the next controller. What was stored comes to it from the first on, as well as what is stored from now on.
    pub(super) fn again(&self) -> ControllerLink {
        let (to_controller, inbox) = mpsc::channel(4_096);
        let (outbox, mut out) = mpsc::unbounded_channel();
        *self.to_controller.borrow_mut() = to_controller.clone();
        for (id, number, body) in self.stored.borrow().iter().cloned() {
            let _ = to_controller.try_send(Incoming::Second { id, number, body });
        }
        let carrying = self.clone();
        tokio::task::spawn_local(async move {
            while let Some(outgoing) = out.recv().await {
                carrying.send_out(&outgoing);
            }
        });
        ControllerLink { inbox, outbox }
    }

    /// Where the controller is now.
    fn controller(&self) -> mpsc::Sender<Incoming> {
        self.to_controller.borrow().clone()
    }

    /// Cuts generator `which` off, towards the controller and from it.
    pub(super) fn cut(&self, which: usize, up: bool, down: bool) {
        self.faults.borrow_mut().cuts[which] = (up, down);
    }

    /// How often messages are lost and repeated, and how long they take at most.
    pub(super) fn trouble(&self, loss: f64, repeat: f64, longest: Duration) {
        let mut faults = self.faults.borrow_mut();
        (faults.loss, faults.repeat, faults.longest) = (loss, repeat, longest);
    }

    /// The carrier itself is gone, or back.
    pub(super) fn outage(&self, is_out: bool) {
        self.faults.borrow_mut().is_out = is_out;
        let _ = self.controller().try_send(Incoming::Connected(!is_out));
        for (_, inbox) in &*self.inboxes.borrow() {
            let _ = inbox.try_send(FromController::Connected(!is_out));
        }
    }

    /// How long a message takes; `None`: it is lost.
    fn way(&self, which: usize, is_up: bool) -> Option<Duration> {
        let mut faults = self.faults.borrow_mut();
        let (up, down) = faults.cuts[which];
        let is_lost = faults.is_out || (if is_up { up } else { down }) || faults.rng.f64() < faults.loss;
        let longest = u64::try_from(faults.longest.as_micros()).unwrap().max(1);
        let delay = Duration::from_micros(faults.rng.u64(..longest));
        (!is_lost).then_some(delay)
    }

    fn is_repeated(&self) -> bool {
        let mut faults = self.faults.borrow_mut();
        let repeat = faults.repeat;
        faults.rng.f64() < repeat
    }

    fn send_out(&self, outgoing: &Outgoing) {
        for (which, (id, inbox)) in self.inboxes.borrow().iter().enumerate() {
            let message = match outgoing {
                Outgoing::Schedule(bytes) => FromController::Schedule(bytes.clone()),
                Outgoing::Order(to, order) if to == id => FromController::Order(*order),
                Outgoing::Order(..) => continue,
            };
            for _ in 0..=usize::from(self.is_repeated()) {
                let (Some(delay), inbox, message) = (self.way(which, false), inbox.clone(), message.clone()) else {
                    continue;
                };
                tokio::task::spawn_local(async move {
                    sleep(delay).await;
                    let _ = inbox.send(message).await;
                });
            }
        }
    }

    /// The end of generator `which`, who is to join in this order.
    pub(super) fn join(&self, which: usize, id: &GeneratorId) -> GeneratorLink {
        let (questions, mut asked) = mpsc::unbounded_channel::<Question>();
        let (seconds, stored) = mpsc::unbounded_channel();
        let (inbox_tx, inbox) = mpsc::channel(4_096);
        let mut inboxes = self.inboxes.borrow_mut();
        if inboxes.len() > which {
            inboxes[which] = (id.clone(), inbox_tx);
        } else {
            inboxes.push((id.clone(), inbox_tx));
        }
        let net = self.clone();
        tokio::task::spawn_local(async move {
            while let Some(question) = asked.recv().await {
                net.carry_question(which, question);
            }
        });
        tokio::task::spawn_local(self.clone().carry_seconds(which, id.clone(), stored));
        GeneratorLink { questions, seconds, inbox }
    }

    fn carry_question(&self, which: usize, question: Question) {
        let Question { ask, body, answer } = question;
        if self.is_repeated() && self.way(which, true).is_some() {
            // Once more, and nobody waits for what is answered.
            self.deliver(ask.clone(), body.clone(), oneshot::channel().0, Duration::from_millis(300));
        }
        let Some(delay) = self.way(which, true) else { return };
        let (answered, told) = oneshot::channel();
        self.deliver(ask, body, answered, delay);
        let net = self.clone();
        tokio::task::spawn_local(async move {
            let Ok(bytes) = told.await else { return };
            let Some(delay) = net.way(which, false) else { return };
            sleep(delay).await;
            let _ = answer.send(bytes);
        });
    }

    fn deliver(&self, ask: Ask, body: Bytes, answer: oneshot::Sender<Bytes>, delay: Duration) {
        let to = self.controller();
        tokio::task::spawn_local(async move {
            sleep(delay).await;
            let _ = to.send(Incoming::Question(Question { ask, body, answer })).await;
        });
    }

    /// What is stored stays in order; it comes at least once.
    async fn carry_seconds(self, which: usize, id: GeneratorId, mut stored: mpsc::UnboundedReceiver<ToStore>) {
        while let Some(ToStore { number, body, stored }) = stored.recv().await {
            let delay = loop {
                match self.way(which, true) {
                    Some(delay) => break delay,
                    None => sleep(Duration::from_millis(100)).await,
                }
            };
            sleep(delay).await;
            self.stored.borrow_mut().push((id.clone(), number, body.clone()));
            for _ in 0..=usize::from(self.is_repeated()) {
                let second = Incoming::Second { id: id.clone(), number, body: body.clone() };
                let _ = self.controller().send(second).await;
            }
            let _ = stored.send(());
        }
    }
}
