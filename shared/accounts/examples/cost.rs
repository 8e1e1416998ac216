//! What one login costs on this machine: milliseconds per verification, and per verification with two at a time.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example that measures")]

use std::time::Instant;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _},
};

fn main() {
    let hasher = || Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap());
    let hash = hasher().hash_password_with_salt(b"correct horse battery", &[7; 16]).unwrap().to_string();
    let measure = || {
        let started = Instant::now();
        (0..50).for_each(|_| hasher().verify_password(b"correct horse battery", hash.as_str()).unwrap());
        started.elapsed().as_secs_f64() * 1_000.0 / 50.0
    };
    println!("alone: {:.1} ms", measure());
    std::thread::scope(|scope| {
        let both = [scope.spawn(measure), scope.spawn(measure)];
        both.into_iter().for_each(|one| println!("of two at a time: {:.1} ms", one.join().unwrap()));
    });
}
