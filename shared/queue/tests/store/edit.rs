//! Another payload for a dead letter.

use mlc_model::JobId;
use mlc_queue::{DeadFilter, Edited, JobState};
use serde_json::json;

use crate::{house::*, seed::*, shelf::*};

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_letter_keeps_its_head_and_runs_with_its_new_payload() {
    let house = with_dead(1).await;
    let before = letters(&house, &DeadFilter::default()).await.remove(0);
    let id = before.job.id.clone();
    let editable = house.queue.editable(&id).await.unwrap().unwrap();
    assert_eq!((editable.payload["n"].as_u64(), editable.kind.as_str()), (Some(0), "errand"));
    assert_eq!(house.queue.payload_digest(&id).await.unwrap().as_ref(), Some(&editable.digest));
    let longer = json!({ "lane": "main", "n": 77, "unique": "x".repeat(150) });
    let edited = house.queue.edit_payload(&id, &longer, &editable.digest, "lena").await.unwrap();
    assert_eq!(edited, Edited::Changed);
    // The digest is of the old form: a second person's edit of the same reading changes nothing.
    let late = house.queue.edit_payload(&id, &json!({}), &editable.digest, "otto").await.unwrap();
    assert_eq!(late, Edited::ChangedMeanwhile);
    assert_eq!(house.queue.payload(&id).await.unwrap(), Some(longer));
    let after = letters(&house, &DeadFilter::default()).await.remove(0);
    assert_eq!(
        (after.job.state, &after.job.subject, after.died_at),
        (JobState::Dead, &before.job.subject, before.died_at)
    );
    assert_eq!((after.job.edited.len(), after.job.edited[0].by.as_str()), (1, "lena"));
    assert_eq!(after.cause, before.cause);
    let grown = house.queue.stats().await.unwrap().dead_bytes;
    assert!(after.job.bytes > before.job.bytes && grown > before.job.bytes as u64);
    house.queue.replay(&[id.clone()], "lena").await.unwrap();
    assert_eq!(house.queue.stats().await.unwrap().dead_bytes, 0, "the letter left with the size that it had by then");
    assert_eq!(house.queue.edit_payload(&id, &json!({}), &editable.digest, "lena").await.unwrap(), Edited::Gone);
    assert!(house.queue.editable(&id).await.unwrap().is_none(), "only dead letters are edited");
    let worker = house.work_simply(1);
    house.diary.wait_for(2).await;
    house.quiet().await;
    worker.stop().await;
    assert_eq!(house.diary.numbers(), [0, 77]);
    assert_eq!(house.queue.lanes().await.unwrap()[0].bytes, 0, "the lane's bytes are those that went in");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_edits_of_one_reading_one_is_made() {
    let house = House::open().await;
    let id = seed(&house, 1).await.remove(0);
    let digest = house.queue.payload_digest(&id).await.unwrap().unwrap();
    // None of them is what the letter holds already.
    let edits = (1..=20).map(|n| {
        let (queue, id, digest) = (house.queue.clone(), id.clone(), digest.clone());
        tokio::spawn(async move {
            queue.edit_payload(&id, &json!({ "lane": "main", "n": n }), &digest, "lena").await.unwrap()
        })
    });
    let mut made = 0;
    for edit in edits.collect::<Vec<_>>() {
        made += usize::from(edit.await.unwrap() == Edited::Changed);
    }
    assert_eq!(made, 1);
    assert!(house.queue.editable(&JobId::parse("unknown").unwrap()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_beside_a_replay_stays_in_the_history_of_what_runs() {
    let house = House::open().await;
    let ids = seed(&house, 200).await;
    let mut both = 0;
    for id in &ids {
        let digest = house.queue.payload_digest(id).await.unwrap().unwrap();
        let payload = json!({ "lane": "main", "n": 1_000_000 });
        let (edited, replayed) = tokio::join!(
            house.queue.edit_payload(id, &payload, &digest, "lena"),
            house.queue.replay(std::slice::from_ref(id), "otto")
        );
        assert_eq!(replayed.unwrap().jobs, [id.clone()]);
        let job = house.queue.job(id).await.unwrap().unwrap();
        assert_eq!((job.replays, job.replayed[0].by.as_str()), (1, "otto"));
        if edited.unwrap() == Edited::Changed {
            both += 1;
            assert_eq!(job.edited.iter().map(|edit| edit.by.as_str()).collect::<Vec<_>>(), ["lena"], "it is forgotten");
        }
    }
    assert!(both > 0, "the two never met");
    assert_eq!(startable(&house).await.len(), ids.len(), "each is started once");
}
