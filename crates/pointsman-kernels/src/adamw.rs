//! One step of AdamW, in place.

use crate::math::{mul_add, sum_squares};
use crate::tier::dispatch;

/// The numbers of one AdamW step (Loshchilov and Hutter, 2019).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Step size of this step.
    pub learning_rate: f32,
    /// Decay of the gradient's running mean.
    pub beta1: f32,
    /// Decay of the squared gradient's running mean.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Share of a parameter that is taken away, times the learning rate.
    pub weight_decay: f32,
    /// `1 / (1 - beta1^t)` at step `t`, counted from 1.
    pub correction1: f32,
    /// `1 / (1 - beta2^t)`.
    pub correction2: f32,
    /// Factor on the gradient (below one when it was clipped).
    pub gradient_scale: f32,
}

dispatch! {
    /// Moves `parameter` and its two moments by one step along `gradient`; all have the same length.
    ///
    /// # Panics
    /// If lengths disagree.
    pub fn adamw(step: &AdamWStep, parameter: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32])
        = adamw_body
}

#[inline(always)]
fn adamw_body<const FMA: bool>(
    step: &AdamWStep,
    parameter: &mut [f32],
    mean: &mut [f32],
    square: &mut [f32],
    gradient: &[f32],
) {
    let s = *step;
    let n = gradient.len();
    assert!(parameter.len() == n && mean.len() == n && square.len() == n, "equal lengths");
    let keep = 1.0 - s.learning_rate * s.weight_decay;
    for i in 0..n {
        let g = gradient[i] * s.gradient_scale;
        mean[i] = mul_add::<FMA>(s.beta1, mean[i], (1.0 - s.beta1) * g);
        square[i] = mul_add::<FMA>(s.beta2, square[i], (1.0 - s.beta2) * g * g);
        let direction = mean[i] * s.correction1 / ((square[i] * s.correction2).sqrt() + s.epsilon);
        parameter[i] = mul_add::<FMA>(-s.learning_rate, direction, parameter[i] * keep);
    }
}

dispatch! {
    /// The sum of squares of all values, for the norm of a gradient.
    pub fn sum_of_squares(x: &[f32]) -> f32 = sum_of_squares_body
}

#[inline(always)]
fn sum_of_squares_body<const FMA: bool>(x: &[f32]) -> f32 {
    sum_squares(x, 0.0)
}
