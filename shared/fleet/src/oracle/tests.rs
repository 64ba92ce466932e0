//! Histories that are made by hand: for each promise one that keeps it, and some that break it. They show that the
//! oracle can fail.

mod access;
mod budget;
mod check_ins;
mod commands;
mod configs;
mod console;
mod deltas;
mod ends;
mod events;
mod firmware;
mod memory;
mod minimums;
mod presence;
mod speed;
mod story;
mod table;

use story::Story;
