//! The Lua scripts, one per verb. Keys, arguments and result of each stand on top of its file.

use std::sync::LazyLock;

use redis::Script;

macro_rules! script {
    ($name:ident: $($file:literal),+) => {
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $file))),+)));
    };
}

script!(CLASSIFY: "row.lua", "classify.lua");
script!(BEGIN: "row.lua", "begin.lua");
script!(DELIVER: "row.lua", "audit.lua", "deliver.lua");
script!(NOTE: "row.lua", "audit.lua", "note.lua");
script!(EXCLUDE: "row.lua", "exclude.lua");
script!(UNSETTLE: "row.lua", "unsettle.lua");
script!(LEASE: "lease.lua");
script!(RELEASE: "release.lua");
script!(OPEN_WINDOW: "open_window.lua");
script!(START_PASS: "start_pass.lua");
script!(RECORD_PAGE: "row.lua", "record_page.lua");
script!(CLOSE_WINDOW: "row.lua", "close_window.lua");
script!(ABANDON_WINDOW: "abandon_window.lua");
script!(RESET_CHECKPOINT: "row.lua", "audit.lua", "reset_checkpoint.lua");
script!(KEEP_EXCHANGES: "keep_exchanges.lua");
script!(KEEP_IF: "keep_if.lua");
script!(RECORD_ACTION: "record_action.lua");
script!(FINISH_ACTION: "finish_action.lua");
script!(RAISE_REVIEW: "review.lua", "raise_review.lua");
script!(DECIDE_REVIEW: "review.lua", "decide_review.lua");
script!(LIST_REVIEWS: "review.lua", "list_reviews.lua");
script!(ACCEPTED_REVIEW: "review.lua", "accepted_review.lua");
script!(KEEP_ALERTS: "keep_alerts.lua");
