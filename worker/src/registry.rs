//! Kind → handler: the one list of all jobs.

use mlc_flow::{CloseWindow, PollPage, PushRecord};
use mlc_queue::Registry;

use crate::{Context, jobs};

/// Everything this worker can carry out.
pub fn registry(context: &Context) -> Registry {
    let (poll, close, push) = (context.clone(), context.clone(), context.clone());
    Registry::new()
        .on::<PollPage, _, _>(move |job, run| {
            let context = poll.clone();
            async move { jobs::poll_page::run(&context, job, &run).await }
        })
        .on::<CloseWindow, _, _>(move |job, run| {
            let context = close.clone();
            async move { jobs::close_window::run(&context, job, &run).await }
        })
        .on::<PushRecord, _, _>(move |job, run| {
            let context = push.clone();
            async move { jobs::push_record::run(&context, job, &run).await }
        })
}
