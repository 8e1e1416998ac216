//! The Lua scripts, one per verb. Keys, arguments and result of each stand on top of its file.

use std::sync::LazyLock;

use redis::Script;

macro_rules! script {
    ($name:ident: $file:literal) => {
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!(concat!("lua/", $file))));
    };
}

script!(PUT_ACCOUNT: "put_account.lua");
script!(OPEN_SESSION: "open_session.lua");
script!(END_SESSION: "end_session.lua");
script!(LOOK_SESSION: "look_session.lua");
script!(PUT_TOKEN: "put_token.lua");
script!(LOOK_TOKEN: "look_token.lua");
script!(REMOVE_TOKEN: "remove_token.lua");
script!(ATTEMPT: "attempt.lua");
script!(SUCCEED: "succeed.lua");
script!(REMEMBER_DEVICE: "remember_device.lua");
script!(COUNT_REFUSAL: "count_refusal.lua");
