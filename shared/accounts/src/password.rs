//! Passwords: what one must be, and their slow hashes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{AccountName, AccountsError};

/// Memory of one hash in KiB, passes over it, and lanes.
///
/// Source: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB, 2 iterations, 1 degree of parallelism.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Hashes at once: 38 MiB and two cores are the most that logins can take, however many come.
const AT_ONCE: usize = 2;
/// Logins that wait for their turn. Further ones are told to come later.
const WAITING: usize = 16;
/// Of these, those that one browser, address or name may have waiting or at work: a flood from one place leaves room for others.
const OF_ONE: usize = 4;
/// Longest wait for a turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// Fewest characters.
const SHORTEST: usize = 12;
/// Most bytes: far above what anybody types, and nothing to hash for long.
const LONGEST: usize = 1024;
/// Fewest different characters.
const FEWEST_DIFFERENT: usize = 5;
/// A hash that belongs to no password: an unknown name costs the same time as a known one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password that is good enough to be set.
#[derive(Debug, Clone)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// A password for that account.
    ///
    /// # Errors
    /// `WeakPassword`: fewer than 12 characters, more than 1,024 bytes, fewer than 5 different characters, or one that holds
    /// the name of the account.
    pub fn parse(password: SecretString, name: &AccountName) -> Result<Self, AccountsError> {
        let text = password.expose_secret();
        let mut different: Vec<char> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        let problem = if text.chars().count() < SHORTEST {
            "is too short: use at least 12 characters"
        } else if text.len() > LONGEST {
            "is too long: use at most 1,024 bytes"
        } else if different.len() < FEWEST_DIFFERENT {
            "repeats itself: use at least 5 different characters"
        } else if name.folded().chars().count() > 2 && text.to_lowercase().contains(&name.folded()) {
            "holds the login name: choose another one"
        } else {
            return Ok(Self(password));
        };
        Err(AccountsError::WeakPassword(problem))
    }

    /// A random one with 120 bits, in groups that can be read out.
    pub fn random() -> Self {
        // Without 0, 1, i, l, o, u: what is read from one screen and typed at another.
        const LETTERS: &[u8; 30] = b"23456789abcdefghjkmnpqrstvwxyz";
        let mut text = String::with_capacity(30);
        while text.len() < 29 {
            let byte = usize::from(rand::random::<u8>());
            // Bytes above the last whole round would make some letters likelier.
            if byte >= 240 {
                continue;
            }
            if text.len() % 5 == 4 {
                text.push('-');
            }
            text.push(char::from(LETTERS[byte % LETTERS.len()]));
        }
        Self(SecretString::from(text))
    }

    /// The password itself, to be shown once.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Hashes passwords, few at a time. Clones share the places.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// Who waits or is at work, and how often; those who do not are not in it.
    shares: Arc<Mutex<HashMap<String, usize>>>,
    /// The memory of hashes, kept and used again: freed after each one, the allocator of every thread would hold its own.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

/// A turn to hash once.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One of the few places in the queue that somebody may take; free again when it is dropped.
#[derive(Debug)]
struct Share {
    of: String,
    shares: Arc<Mutex<HashMap<String, usize>>>,
}

impl Share {
    /// `None` when that one has as many as it may.
    fn take(shares: &Arc<Mutex<HashMap<String, usize>>>, of: &str) -> Option<Self> {
        let mut held = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = held.entry(of.to_owned()).or_default();
        if *taken >= OF_ONE {
            return None;
        }
        *taken += 1;
        Some(Self { of: of.to_owned(), shares: Arc::clone(shares) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = held.get_mut(&self.of) {
            *taken -= 1;
            if *taken == 0 {
                held.remove(&self.of);
            }
        }
    }
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(WAITING)),
            shares: Arc::default(),
            memory: Arc::default(),
        }
    }

    /// Waits for a turn. `of` is what a flood would have in common, such as its address; `None` = somebody who is inside already.
    ///
    /// # Errors
    /// `Busy` when too many wait already, or that one has its share of them, or after five seconds.
    pub(crate) async fn turn(&self, of: Option<&str>) -> Result<Turn, AccountsError> {
        let share = of.map(|of| Share::take(&self.shares, of).ok_or(AccountsError::Busy)).transpose()?;
        let Ok(_waits) = self.queue.clone().try_acquire_owned() else { return Err(AccountsError::Busy) };
        match timeout(TURN_WITHIN, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Turn { _place: place, _share: share }),
            Ok(Err(_)) | Err(_) => Err(AccountsError::Busy),
        }
    }

    /// The hash to store.
    ///
    /// # Errors
    /// `Defect`.
    pub(crate) async fn hash(&self, turn: Turn, password: &NewPassword) -> Result<String, AccountsError> {
        let password = password.0.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let hash =
                hasher()?.hash_password_with_salt(password.expose_secret().as_bytes(), &rand::random::<[u8; 16]>());
            // The place is free when the work is over, not when somebody stops waiting for it.
            drop(turn);
            hash.map(|hash| hash.to_string()).map_err(|error| AccountsError::Defect(error.to_string()))
        });
        hashed.await.map_err(|error| AccountsError::Defect(error.to_string()))?
    }

    /// Whether the password belongs to the hash; `None` for an account that is none, which takes as long and is false.
    ///
    /// # Errors
    /// `Defect`.
    pub(crate) async fn verify(
        &self,
        turn: Turn,
        password: &SecretString,
        hash: Option<&str>,
    ) -> Result<bool, AccountsError> {
        let (known, hash) = (hash.is_some(), hash.unwrap_or(NOBODYS).to_owned());
        let password = password.clone();
        let memory = Arc::clone(&self.memory);
        let verified = tokio::task::spawn_blocking(move || {
            let text = password.expose_secret();
            // What no account can have is not hashed at length; the shortened form belongs to nobody either.
            let bytes = text.as_bytes().get(..text.len().min(LONGEST + 1)).unwrap_or_default();
            let right = match stored(&hash) {
                Some((salt, wanted)) => {
                    let kept = memory.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let mut blocks = kept.unwrap_or_else(|| vec![Block::default(); COST.0 as usize]);
                    let mut made = [0; 32];
                    let hashed = hasher()?.hash_password_into_with_memory(bytes, &salt, &mut made, &mut blocks);
                    memory.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
                    // All bytes are compared, whichever differs first.
                    hashed.is_ok() && made.iter().zip(wanted).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
                }
                // Of another cost or length than ours: as the hash itself says.
                None => hasher()?.verify_password(bytes, hash.as_str()).is_ok(),
            };
            drop(turn);
            Ok(right)
        });
        let right = verified.await.map_err(|error| AccountsError::Defect(error.to_string()))?;
        right.map(|right| right && known)
    }
}

/// Salt and result of a stored hash of our own cost.
fn stored(hash: &str) -> Option<(Vec<u8>, [u8; 32])> {
    let (memory, passes, lanes) = COST;
    let rest = hash.strip_prefix(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$"))?;
    let (salt, result) = rest.split_once('$')?;
    Some((STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(result).ok()?.try_into().ok()?))
}

fn hasher() -> Result<Argon2<'static>, AccountsError> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| AccountsError::Defect(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use std::time::Instant;

    use super::*;

    fn lena() -> AccountName {
        AccountName::parse("Lena").unwrap()
    }

    fn parsed(text: &str) -> Result<NewPassword, AccountsError> {
        NewPassword::parse(SecretString::from(text), &lena())
    }

    #[test]
    fn a_password_that_is_easily_guessed_is_refused_with_the_reason() {
        for (text, words) in [
            ("tiny", "too short"),
            ("aaaaaaaaaaaaaaaa", "repeats itself"),
            ("hello-LENA-hello", "holds the login name"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains(text), "{error}");
        }
        assert!(parsed(&"abcdef".repeat(200)).is_err());
        assert!(parsed("correct horse battery").is_ok());
    }

    #[test]
    fn a_random_password_is_long_readable_and_never_the_same() {
        let (one, other) = (NewPassword::random(), NewPassword::random());
        assert_eq!(one.expose().len(), 29);
        assert_ne!(one.expose(), other.expose());
        assert!(parsed(one.expose()).is_ok());
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_stated_cost_and_only_its_password_opens_it() {
        let passwords = Passwords::new();
        let password = parsed("correct horse battery").unwrap();
        let hash = passwords.hash(passwords.turn(None).await.unwrap(), &password).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (text, right) in [("correct horse battery", true), ("correct horse batterz", false), ("", false)] {
            let turn = passwords.turn(None).await.unwrap();
            assert_eq!(passwords.verify(turn, &text.into(), Some(&hash)).await.unwrap(), right, "{text}");
        }
    }

    #[tokio::test]
    async fn nobodys_hash_costs_as_much_as_a_real_one_and_opens_with_nothing() {
        let passwords = Passwords::new();
        let hash = passwords.hash(passwords.turn(None).await.unwrap(), &NewPassword::random()).await.unwrap();
        assert_eq!(hash.len(), NOBODYS.len(), "the same salt and the same length of the result");
        let mut took = [Duration::MAX; 2];
        // The quickest of several runs is what the work itself takes; the rest is the machine.
        for _ in 0..5 {
            for (place, hash) in [None, Some(hash.as_str())].into_iter().enumerate() {
                let (turn, started) = (passwords.turn(None).await.unwrap(), Instant::now());
                assert!(!passwords.verify(turn, &"x".into(), hash).await.unwrap());
                took[place] = took[place].min(started.elapsed());
            }
        }
        assert!(took[0] > took[1] / 2 && took[0] < took[1] * 2, "{took:?}");
    }

    #[tokio::test]
    async fn a_flood_of_logins_waits_in_a_short_queue_and_the_rest_is_told_to_come_later() {
        let passwords = Passwords::new();
        let held: Vec<Turn> = vec![passwords.turn(None).await.unwrap(), passwords.turn(None).await.unwrap()];
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.turn(None).await.is_ok() })
            })
            .collect();
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.turn(None).await, Err(AccountsError::Busy)));
        drop(held);
        for turn in waiting {
            assert!(turn.await.unwrap());
        }
    }
    #[tokio::test]
    async fn one_place_has_its_share_of_the_queue_and_gets_it_back() {
        let passwords = Passwords::new();
        let all_places = [passwords.turn(None).await.unwrap(), passwords.turn(Some("there")).await.unwrap()];
        let waiting: Vec<_> = (1..OF_ONE)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.turn(Some("there")).await.is_ok() })
            })
            .collect();
        while passwords.queue.available_permits() > WAITING - (OF_ONE - 1) {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.turn(Some("there")).await, Err(AccountsError::Busy)));
        drop(all_places);
        passwords.turn(Some("elsewhere")).await.unwrap();
        for turn in waiting {
            assert!(turn.await.unwrap());
        }
        assert!(passwords.shares.lock().unwrap().is_empty());
    }
}
