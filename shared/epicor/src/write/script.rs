//! An Epicor that plays recorded answers, for the tests of the steps.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use mlc_model::{Fault, System};
use mlc_outbound::Answer;

use super::{
    method::{Effect, Method},
    wire::Wire,
};

#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<HashMap<String, VecDeque<(u16, String)>>>,
    sent: Mutex<Vec<(String, String)>>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The next answer to a method or set of that name.
    pub(crate) fn answer(&self, name: &str, status: u16, body: &str) {
        self.answers.lock().unwrap().entry(name.to_owned()).or_default().push_back((status, body.to_owned()));
    }

    /// What was sent to it, in order.
    pub(crate) fn sent(&self, name: &str) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(to, _)| to == name).map(|(_, body)| body.clone()).collect()
    }

    /// The names called, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn is_played(&self) -> bool {
        self.answers.lock().unwrap().values().all(VecDeque::is_empty)
    }

    fn play(&self, name: &str, sent: String, operation: &str, writes: bool) -> Answer {
        self.sent.lock().unwrap().push((name.to_owned(), sent));
        let answer = self.answers.lock().unwrap().get_mut(name).and_then(VecDeque::pop_front);
        let Some((status, body)) = answer else { panic!("no answer was recorded for {name}") };
        Answer::recorded(System::Epicor, operation, writes, status, &[], body)
    }
}

impl Wire for Script {
    async fn get(&self, tail: String, operation: &'static str) -> Result<Answer, Fault> {
        let path = tail.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(self.play(&name, tail, operation, false))
    }

    async fn post(&self, method: &'static Method, body: String) -> Result<Answer, Fault> {
        Ok(self.play(method.name, body, method.operation, method.effect == Effect::Save))
    }

    fn redacted(&self, fault: Fault) -> Fault {
        fault
    }
}
