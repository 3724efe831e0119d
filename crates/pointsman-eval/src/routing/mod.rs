mod answers;
pub mod hull;
mod measure;
mod sweep;
pub use answers::{Answers, Spent};
pub use measure::{Frame, Measure, arena_score};
pub use sweep::{Curve, Point, Sweep};
