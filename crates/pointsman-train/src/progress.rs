//! What a run reports while it goes.

/// Where a run stands after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Steps taken, this one included.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Examples seen in this step.
    pub examples: usize,
    /// The step's loss.
    pub loss: f32,
}

/// Someone who wants to know.
pub trait Progress {
    /// A step was taken.
    fn step(&mut self, step: Step);
    /// Something worth a line happened.
    fn note(&mut self, message: &str);
}
