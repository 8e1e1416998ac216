//! Behaviour across rooms; the tests stand in `tests/it`.
