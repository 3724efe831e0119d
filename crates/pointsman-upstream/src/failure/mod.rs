//! What is done when a model does not answer: how long it is waited for, what is asked again, and who is left alone.

mod backoff;
mod breaker;
mod broken;
mod budget;
mod content;
mod overflow;
mod policy;
mod said;
mod timeouts;
mod whole;

pub use backoff::{retry_after, wait};
pub use breaker::{Breakers, Failing};
pub use budget::RetryBudget;
pub use content::until_content;
pub use overflow::overflows;
pub use policy::{FailureOverrides, FailurePolicies, FailurePolicy};
pub(crate) use timeouts::{head, timed};
