//! The demo; see the README.
