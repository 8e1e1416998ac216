//! The table of routes: where a thing is found, who may use it, and what it leaves in the audit.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use mlc_accounts::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    call::Call,
    error::ConsoleError,
    reply::{Act, Done, Raw, Reply, View},
};

/// What carries a call out.
pub(crate) type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Reply, ConsoleError>> + Send + Sync>;

/// Makes the schema of a type.
pub(crate) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// Where the API's paths begin.
pub(crate) const API: &str = "/api/v1";

/// How a route is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Looks; changes nothing.
    Get,
    /// Acts.
    Post,
}

/// Which faces a route has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faces {
    /// A page, and the same as JSON under [`API`].
    Both,
    /// Only at its own path: assets, login, live updates.
    Own,
    /// Only under [`API`].
    Api,
}

/// One thing that the console shows or does.
#[derive(Clone)]
pub(crate) struct Route {
    /// How it is called.
    pub(crate) verb: Verb,
    /// Its path as a page, such as `/jobs/{id}`.
    pub(crate) path: &'static str,
    /// Where it is offered.
    pub(crate) faces: Faces,
    /// Who may use it; `None` = anybody, logged in or not.
    pub(crate) needs: Option<Role>,
    /// `PersonAction::what` of the entry that it leaves; `None` only for what changes nothing.
    pub(crate) audits: Option<&'static str>,
    /// Whether it changes something. A question that has to be sent is a `POST` too, and does not.
    pub(crate) acts: bool,
    /// The ledger writes that entry in the same step as the change itself, so that nobody else may write it again.
    pub(crate) recorded_by_ledger: bool,
    /// One line for the API's description.
    pub(crate) summary: &'static str,
    /// Parameters behind the question mark.
    pub(crate) query: Option<MakeSchema>,
    /// What is sent.
    pub(crate) input: Option<MakeSchema>,
    /// What is answered.
    pub(crate) answer: Option<MakeSchema>,
    pub(crate) handler: Handler,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("verb", &self.verb).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Route {
    /// Something to look at: a page at `path`, JSON at `/api/v1` and `path`. Anybody who is logged in may.
    pub(crate) fn show<F, A>(path: &'static str, summary: &'static str, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<View, ConsoleError>> + Send + 'static,
    {
        Self::new(Verb::Get, path, summary, move |call| {
            let view = handler(call);
            Box::pin(async move { view.await.map(Reply::View) })
        })
    }

    /// Something to do: a form's target at `path`, JSON at `/api/v1` and `path`. Operators may, and `audits` names the entry
    /// that it leaves.
    pub(crate) fn act<F, A>(path: &'static str, audits: &'static str, summary: &'static str, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Done, ConsoleError>> + Send + 'static,
    {
        let mut route = Self::new(Verb::Post, path, summary, move |call| {
            let done = handler(call);
            Box::pin(async move { done.await.map(Reply::Done) })
        });
        route.needs = Some(Role::Operator);
        route.audits = Some(audits);
        route
    }

    /// Something to look at that has to be sent first, such as what an edit would change. Changes nothing; operators may.
    pub(crate) fn ask<F, A>(path: &'static str, summary: &'static str, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<View, ConsoleError>> + Send + 'static,
    {
        let mut route = Self::show(path, summary, handler);
        (route.verb, route.acts, route.needs) = (Verb::Post, false, Some(Role::Operator));
        route
    }

    /// Something to do that answers with cookies or with a page of its own: a form's target, at its own path only.
    pub(crate) fn act_with<F, A>(path: &'static str, audits: &'static str, summary: &'static str, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Act, ConsoleError>> + Send + 'static,
    {
        let mut route = Self::new(Verb::Post, path, summary, move |call| {
            let act = handler(call);
            Box::pin(async move { act.await.map(|act| Reply::Act(Box::new(act))) })
        });
        route.needs = Some(Role::Operator);
        route.audits = Some(audits);
        route.faces = Faces::Own;
        route
    }

    /// Something that answers as it likes, at its own path only. Never for acting: an answer of that kind need not leave an entry,
    /// and a `POST` that gives one is refused.
    pub(crate) fn raw<F, A>(verb: Verb, path: &'static str, summary: &'static str, handler: F) -> Self
    where
        F: Fn(Call) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Raw, ConsoleError>> + Send + 'static,
    {
        let mut route = Self::new(verb, path, summary, move |call| {
            let raw = handler(call);
            Box::pin(async move { raw.await.map(Reply::Raw) })
        });
        route.faces = Faces::Own;
        route
    }

    fn new(
        verb: Verb,
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Call) -> BoxFuture<'static, Result<Reply, ConsoleError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            verb,
            path,
            faces: Faces::Both,
            needs: Some(Role::ReadOnly),
            audits: None,
            acts: verb == Verb::Post,
            recorded_by_ledger: false,
            summary,
            query: None,
            input: None,
            answer: None,
            handler: Arc::new(handler),
        }
    }

    /// Another role.
    #[must_use]
    pub(crate) fn needs(mut self, role: Role) -> Self {
        self.needs = Some(role);
        self
    }

    /// Anybody, logged in or not.
    #[must_use]
    pub(crate) fn open(mut self) -> Self {
        self.needs = None;
        self
    }

    /// Only as a page: for what a token must not reach.
    #[must_use]
    pub(crate) fn page_only(mut self) -> Self {
        self.faces = Faces::Own;
        self
    }

    /// Only under [`API`].
    #[must_use]
    pub(crate) fn api_only(mut self) -> Self {
        self.faces = Faces::Api;
        self
    }

    /// Looking is recorded too, as when a payload is opened.
    #[must_use]
    pub(crate) fn audited(mut self, what: &'static str) -> Self {
        self.audits = Some(what);
        self
    }

    /// The entry is written by the ledger, in the same step as the change itself.
    #[must_use]
    pub(crate) fn recorded_by_ledger(mut self) -> Self {
        self.recorded_by_ledger = true;
        self
    }

    /// Its parameters behind the question mark.
    #[must_use]
    pub(crate) fn asks<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// What is sent, as a form or as JSON.
    #[must_use]
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.input = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// What the API answers.
    #[must_use]
    pub(crate) fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = Some(|generator| generator.subschema_for::<T>());
        self
    }
}
