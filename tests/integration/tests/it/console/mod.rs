//! The console in a real browser: every page looked at, every action done, as a person would.

mod account;
mod audit;
mod browser;
mod budgets;
mod closed;
mod connections;
mod dead_letters;
mod desk;
mod every_page;
mod jobs;
mod keyboard;
mod letters;
mod login;
mod overview;
mod people;
mod records;
mod reduced;
mod roles;
mod site;
mod windows;
