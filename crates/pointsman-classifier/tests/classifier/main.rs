//! From files to labels, on a tiny model with random weights.

mod classify;
mod hub;
mod precision;
mod refusals;
mod tiny;
mod tokenize;
