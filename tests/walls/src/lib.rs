//! Holds the arrows between the rooms against `cargo metadata`; the test stands in `tests/walls.rs`.
