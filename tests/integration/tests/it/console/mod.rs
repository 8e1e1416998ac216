//! The console in a real browser: every page looked at, every action done, as a person would.

mod browser;
mod every_page;
mod site;
