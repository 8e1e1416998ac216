//! A mail in plain text.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use mlc_runtime::settings::{MailChannel, MailTls};

use super::{Outgoing, Secrets, Sent, Wording, secret};
use crate::alerts::wording::{clean, headline, line};

/// Longest wait for each answer of the server.
const TIMEOUT: Duration = Duration::from_secs(10);
const SUBJECT_CHARS: usize = 150;

pub(super) async fn send(wording: Wording<'_>, mail: &MailChannel, secrets: &Secrets, now: DateTime<Utc>) -> Sent {
    let Some(message) = message(wording, mail, now) else {
        return Sent::not_taken("the mail cannot be written: is an address of the settings wrong?");
    };
    let parameters = || TlsParameters::new(mail.host.clone());
    let tls = match mail.tls {
        MailTls::None => Ok(Tls::None),
        MailTls::Starttls => parameters().map(Tls::Required),
        MailTls::Implicit => parameters().map(Tls::Wrapper),
    };
    let tls = match tls {
        Ok(tls) => tls,
        Err(error) => return not_taken(&error),
    };
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mail.host.clone())
        .port(mail.port())
        // Many servers turn away who greets as a bare address.
        .hello_name(ClientId::Domain(domain(mail)))
        .tls(tls)
        .timeout(Some(TIMEOUT));
    if let Some((user, password)) = mail.user.clone().zip(secret(secrets, "password")) {
        server = server.credentials(Credentials::new(user, password.to_owned()));
    }
    match server.build().send(message).await {
        Ok(answer) => {
            let words: Vec<&str> = answer.message().collect();
            Sent::Taken { answer: format!("{} {}", answer.code(), words.join(" ")) }
        }
        Err(error) => not_taken(&error),
    }
}

/// The server's own words can name receivers, so that the log gets its code alone.
fn not_taken(error: &Error) -> Sent {
    let why = match error.status() {
        Some(code) => format!("the mail server answered with {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "no protected connection to the mail server".to_owned(),
        None => "no conversation with the mail server".to_owned(),
    };
    Sent::NotTaken { why, answer: Some(error.to_string()), again_after: None }
}

/// The domain that mails come from.
fn domain(mail: &MailChannel) -> String {
    mail.from.rsplit('@').next().unwrap_or_default().to_owned()
}

fn message(wording: Wording<'_>, mail: &MailChannel, now: DateTime<Utc>) -> Option<Message> {
    let from: Mailbox = mail.from.parse().ok()?;
    let (id, at, subject, body) = match wording.outgoing {
        Outgoing::Test => {
            let subject = "Test of an alert channel".to_owned();
            (
                format!("test-{}", now.timestamp_millis()),
                now,
                subject,
                "This is a test; nothing has happened.\n".to_owned(),
            )
        }
        Outgoing::Message(message) => {
            let mut body = String::new();
            for event in &message.events {
                body.push_str(&line(event));
                body.push('\n');
                if let Some(link) = wording.link(&event.alert.path) {
                    body.push_str(&format!("  {link}\n"));
                }
                body.push('\n');
            }
            if message.more > 0 {
                body.push_str(&format!("And {} more.\n", message.more));
            }
            (message.id.clone(), message.created_at, headline(message), body)
        }
    };
    let mut letter = Message::builder()
        // The same however often it is sent, so that mail servers and programs can tell a repetition.
        .message_id(Some(format!("<{id}@{}>", domain(mail))))
        .date(SystemTime::from(at))
        .from(from)
        .subject(clean(&format!("[ml-connector {}] {subject}", wording.installation), SUBJECT_CHARS))
        .header(ContentType::TEXT_PLAIN);
    for address in &mail.to {
        letter = letter.to(address.parse().ok()?);
    }
    letter.body(body).ok()
}
