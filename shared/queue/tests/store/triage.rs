//! Who looks after a dead letter.

use mlc_model::JobId;
use mlc_queue::{DeadFilter, QueueError, Triage, TriageKey};

use crate::{house::*, seed::*, shelf::*, support};

fn triage(assignee: Option<&str>, note: Option<&str>) -> Triage {
    Triage { assignee: assignee.map(str::to_owned), note: note.map(str::to_owned), by: "lena".to_owned(), at: now() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_and_a_cause_have_an_assignee_and_a_note_until_they_leave() {
    let house = with_dead(6).await;
    let dead = letters(&house, &DeadFilter::default()).await;
    let letter = TriageKey::Letter(dead[0].job.id.clone());
    let cause = TriageKey::Cause(dead[0].cause.clone());
    let first = triage(Some("otto"), Some("Mrs Miller has asked the supplier"));
    assert!(house.queue.set_triage(&letter, first.clone()).await.unwrap());
    assert!(house.queue.set_triage(&cause, triage(Some("lena"), None)).await.unwrap());
    let found = house.queue.dead_letter(&dead[0].job.id).await.unwrap().unwrap().triage.unwrap();
    assert_eq!((&found.assignee, &found.note, found.by.as_str()), (&first.assignee, &first.note, "lena"));
    // Whoever finds a letter by who looks after its cause sees why it was found, in the list and on its own.
    let listed = letters(&house, &DeadFilter::default()).await;
    for letter in listed {
        let alone = house.queue.dead_letter(&letter.job.id).await.unwrap().unwrap();
        for letter in [&letter, &alone] {
            let assignee = letter.cause_triage.as_ref().and_then(|triage| triage.assignee.as_deref());
            assert_eq!(assignee, (letter.cause == dead[0].cause).then_some("lena"), "{letter:?}");
        }
    }
    let of = |name: &str| DeadFilter { assignee: Some(name.to_owned()), ..DeadFilter::default() };
    // A letter's own assignee counts before its cause's.
    assert_eq!(letters(&house, &of("otto")).await.len(), 1);
    assert_eq!(letters(&house, &of("lena")).await.len(), 2);
    assert!(letters(&house, &of("nobody")).await.is_empty());
    let causes = house.queue.causes().await.unwrap();
    assert_eq!(causes.iter().filter(|cause| cause.triage.is_some()).count(), 1);
    // People write names into notes: they are sealed.
    let key = format!("{{mlcq:{}}}:triage", house.namespace);
    let stored: Vec<Vec<u8>> =
        redis::cmd("HVALS").arg(&key).query_async(&mut support::connection().await).await.unwrap();
    assert!(!String::from_utf8_lossy(&stored[0]).contains("Miller"));
    let ids: Vec<JobId> =
        dead.iter().filter(|other| other.cause == dead[0].cause).map(|letter| letter.job.id.clone()).collect();
    house.queue.replay(&ids[..1], "lena").await.unwrap();
    house.queue.discard(&ids[1..], "lena", "wrong").await.unwrap();
    let left = house.keys().await.into_iter().filter(|key| key.contains(":triage")).count();
    assert_eq!(left, 0, "they went with the letter and with the last one of the cause");
    assert!(!house.queue.set_triage(&letter, triage(Some("otto"), None)).await.unwrap());
    assert!(!house.queue.set_triage(&cause, triage(Some("otto"), None)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_triage_is_none_and_a_long_one_is_refused() {
    let house = House::open().await;
    let id = seed(&house, 1).await.remove(0);
    let key = TriageKey::Letter(id.clone());
    assert!(house.queue.set_triage(&key, triage(Some("otto"), None)).await.unwrap());
    assert!(house.queue.set_triage(&key, triage(Some(" "), None)).await.unwrap());
    assert!(house.queue.dead_letter(&id).await.unwrap().unwrap().triage.is_none());
    let long = "x".repeat(2001);
    let refused = house.queue.set_triage(&key, triage(None, Some(&long))).await;
    assert!(matches!(refused, Err(QueueError::Refused(_))));
}
