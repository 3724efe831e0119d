//! pointsman
fn main() {}
