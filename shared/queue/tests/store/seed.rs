//! Many dead letters at once, written as the scripts would have left them.

use mlc_model::{Fault, JobId, Sealer as _};
use mlc_queue::{DeadFilter, Queue};

use crate::{house::*, support};

/// Ids of errands `0..n` of lane `main`, dead since one after the other, ten in every millisecond, the oldest an hour ago.
pub async fn seed(house: &House, n: u32) -> Vec<JobId> {
    let fault = Fault::rejected_field("vendor_to_company", "name", "it has no name");
    let json = serde_json::to_string(&fault).unwrap();
    let cause = "0123456789abcdef";
    let key = |name: &str| format!("{{mlcq:{}}}:{name}", house.namespace);
    let start = now().timestamp_millis() - 3_600_000;
    let mut connection = support::connection().await;
    let mut ids = Vec::new();
    for piece in (0..n).collect::<Vec<_>>().chunks(1000) {
        let mut commands: Vec<redis::Cmd> = ["HSET", "ZADD", "ZADD", "HSET"].map(redis::cmd).into();
        for (command, name) in commands.iter_mut().zip(["job", "dead", &format!("dead_cause:{cause}"), "dead_record"]) {
            command.arg(key(name));
        }
        let mut bytes = 0;
        for n in piece {
            let id = format!("letter{n:09}");
            let payload = format!("{{\"lane\":\"main\",\"n\":{n}}}");
            let plain = [&[0], payload.as_bytes()].concat();
            let sealed = support::TestSealer.seal(format!("{id}/errand").as_bytes(), &plain);
            let head = format!("1 main 1 errand - {start} 3 20000 1 - {id} errand%20{n}\n");
            let envelope = [head.as_bytes(), &sealed].concat();
            let size = envelope.len() + json.len();
            let at = start + i64::from(n / 10);
            commands[0].arg(&id).arg(envelope);
            commands[1].arg(at).arg(&id);
            commands[2].arg(at).arg(&id);
            commands[3].arg(&id).arg(format!("1 main errand {cause} rejected {size} - 1\n{json}"));
            bytes += size;
            ids.push(JobId::parse(&id).unwrap());
        }
        let mut pipe = redis::pipe();
        for command in commands {
            pipe.add_command(command).ignore();
        }
        pipe.hset(key("causes"), cause, fault.cause()).ignore();
        pipe.hincr(key("dead_count"), "main|rejected", piece.len()).ignore();
        pipe.incr(key("dead_bytes"), bytes).ignore();
        pipe.query_async::<()>(&mut connection).await.unwrap();
    }
    ids
}

/// Ids that can start in lane `main`, in their order.
pub async fn startable(house: &House) -> Vec<String> {
    let mut command = redis::cmd("LRANGE");
    command.arg(format!("{{mlcq:{}}}:ready:main:1", house.namespace)).arg(0).arg(-1);
    command.query_async(&mut support::connection().await).await.unwrap()
}

/// Ids on the shelf.
pub async fn on_shelf(queue: &Queue) -> Vec<JobId> {
    let mut page = mlc_queue::Page { after: None, limit: 1000 };
    let mut ids = Vec::new();
    loop {
        let listing = queue.dead_letters(&DeadFilter::default(), &page).await.unwrap();
        ids.extend(listing.items.into_iter().map(|letter| letter.job.id));
        page.after = listing.next;
        if page.after.is_none() {
            return ids;
        }
    }
}
