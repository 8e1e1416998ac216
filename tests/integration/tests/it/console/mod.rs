//! The console in a real browser: every page looked at, every action done, as a person would.

mod browser;
mod dead_letters;
mod desk;
mod every_page;
mod keyboard;
mod login;
mod site;
