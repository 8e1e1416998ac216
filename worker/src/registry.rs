//! Kind → handler: the one list of all jobs.

use mlc_flow::{CloseWindow, CreateApInvoice, CreateRequisition, PollPage, PullCompany, PushRecord};
use mlc_queue::Registry;

use crate::{Context, jobs};

/// Everything this worker can carry out.
pub fn registry(context: &Context) -> Registry {
    let (poll, close, push) = (context.clone(), context.clone(), context.clone());
    let (requisition, invoice, company) = (context.clone(), context.clone(), context.clone());
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
        .on::<CreateRequisition, _, _>(move |job, run| {
            let context = requisition.clone();
            async move { jobs::create_requisition::run(&context, job, &run).await }
        })
        .on::<CreateApInvoice, _, _>(move |job, run| {
            let context = invoice.clone();
            async move { jobs::create_ap_invoice::run(&context, job, &run).await }
        })
        .on::<PullCompany, _, _>(move |job, run| {
            let context = company.clone();
            async move { jobs::pull_company::run(&context, job, &run).await }
        })
}
