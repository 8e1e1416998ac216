//! `mlc top`, also in a terminal of its own.

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use mlc_queue::Lane;

use crate::private_redis::{PrivateRedis, assert_fails, stdout};

/// Leaves the other buffer of the terminal.
const LEFT: &str = "\u{1b}[?1049l";
const ROWS: usize = 40;
const COLUMNS: usize = 160;
const CURSOR_SHOWN: &str = "\u{1b}[?25h";

/// `mlc top` in a terminal that `script` makes.
struct Looking {
    script: Child,
    keys: Option<ChildStdin>,
    shown: mpsc::Receiver<Vec<u8>>,
    written: Vec<u8>,
}

impl Looking {
    fn at(redis: &PrivateRedis) -> Self {
        let program = env!("CARGO_BIN_EXE_mlc");
        let settings = redis.settings_file();
        let line = format!(
            "stty rows {ROWS} cols {COLUMNS}; exec {program} --config {} --as lena top --every 1",
            settings.display()
        );
        let mut script = Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, shown) = mpsc::channel();
        let mut screen = script.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut part) {
                if tell.send(part[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = script.stdin.take();
        Self { script, keys, shown, written: Vec::new() }
    }

    fn press(&mut self, keys: &str) {
        let pipe = self.keys.as_mut().unwrap();
        pipe.write_all(keys.as_bytes()).unwrap();
        pipe.flush().unwrap();
    }

    /// Reads on until the screen shows it.
    fn until(&mut self, needle: &str) {
        let started = Instant::now();
        while !screen(&self.written).contains(needle) {
            let left = Duration::from_secs(20).saturating_sub(started.elapsed());
            let part = self.shown.recv_timeout(left);
            self.written.extend(part.unwrap_or_else(|_| panic!("{needle:?} is not shown:\n{}", screen(&self.written))));
        }
    }

    /// Everything that was written to the end, which must come, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        while let Ok(part) = self.shown.recv_timeout(Duration::from_secs(20)) {
            self.written.extend(part);
        }
        (String::from_utf8_lossy(&self.written).into_owned(), self.script.wait().unwrap().code())
    }
}

/// What a terminal shows after all this was written to it. Knows no more than what is written here: places and texts.
fn screen(written: &[u8]) -> String {
    let mut cells = vec![vec![' '; COLUMNS]; ROWS];
    let (mut row, mut column) = (0, 0);
    let text = String::from_utf8_lossy(written);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.next() == Some('[') => {
                let mut parameters = String::new();
                let last = rest.by_ref().find(|c| {
                    parameters.push(*c);
                    c.is_ascii_alphabetic()
                });
                let mut numbers = parameters.split([';', 'H']).map(|n| n.parse().unwrap_or(1_usize));
                match last {
                    Some('H') => (row, column) = (numbers.next().unwrap() - 1, numbers.next().unwrap_or(1) - 1),
                    Some('J') => cells.iter_mut().for_each(|line| line.fill(' ')),
                    _ => {}
                }
            }
            '\r' => column = 0,
            '\n' => row += 1,
            c if !c.is_control() && row < ROWS && column < COLUMNS => {
                cells[row][column] = c;
                column += 1;
            }
            _ => {}
        }
    }
    cells.into_iter().map(|line| line.into_iter().collect::<String>()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_frame_is_plain_text_or_one_value() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let lane = Lane::parse("hubspot-main").unwrap();
    rooms.set_caps().await.unwrap();
    rooms.queue.pause(&lane, "otto", "month\u{1b}[2J end").await.unwrap();
    let output = redis.run(&["top", "--once"]);
    let text = stdout(&output);
    for needle in ["Lanes (2)", "epicor-main", "paused", "otto: month [2J end", "Workers: none lives"] {
        assert!(output.status.success() && text.contains(needle), "{needle}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
    let sample = redis.json(0, &["top", "--once"]);
    assert_eq!((&sample["lanes"][1]["paused"]["by"], &sample["pace"][59]["done"]), (&"otto".into(), &0.into()));
    assert_fails(&redis.run(&["top"]), 2, &["--once"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_paused_and_resumed_with_a_reason_and_q_gives_the_terminal_back() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    rooms.set_caps().await.unwrap();
    let mut looking = Looking::at(&redis);
    looking.until("epicor-main");
    looking.press("\u{1b}[B");
    looking.press("p");
    looking.until("Pause hubspot-main?");
    looking.press("quiet night\r");
    looking.until("Paused hubspot-main");
    looking.press("r");
    looking.until("Resume hubspot-main?");
    looking.press("morning\r");
    looking.until("Resumed hubspot-main");
    looking.press("q");
    let (rest, code) = looking.end();
    assert!(code == Some(0) && rest.contains(LEFT) && rest.contains(CURSOR_SHOWN), "{code:?} {rest:?}");
    let actions = rooms.ledger.audit_actions(10).await.unwrap();
    let told: Vec<String> = actions
        .iter()
        .map(|one| format!("{} {} {}", one.action.who, one.action.what, one.action.after.clone().unwrap()))
        .collect();
    assert_eq!(told, ["lena resume open: morning", "lena pause paused: quiet night"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_away_is_shown_and_a_signal_gives_the_terminal_back() {
    let redis = PrivateRedis::start();
    redis.open().await.set_caps().await.unwrap();
    let socket = redis.settings_file().with_file_name("redis.sock");
    let hidden = redis.settings_file().with_file_name("away.sock");
    std::fs::rename(&socket, &hidden).unwrap();
    let mut looking = Looking::at(&redis);
    looking.until("Waits for Redis.");
    looking.until("Redis is away");
    std::fs::rename(&hidden, &socket).unwrap();
    looking.until("hubspot-main");
    let script = looking.script.id().to_string();
    let child = Command::new("pgrep").args(["-P", &script]).output().unwrap();
    let pid = stdout(&child).trim().to_owned();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success(), "{pid}");
    let (rest, code) = looking.end();
    assert!(code == Some(0) && rest.contains(LEFT) && rest.contains(CURSOR_SHOWN), "{code:?} {rest:?}");
}
