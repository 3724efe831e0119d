//! From files to labels, on a tiny model with random weights.

mod classify;
mod hub;
mod refusals;
mod tiny;
mod tokenize;
