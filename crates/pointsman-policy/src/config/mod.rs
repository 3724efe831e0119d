//! From the text of `pointsman.toml` to a [`Policy`], with everything that is wrong on the way.
//!
//! [`Source`] → [`Document`] (TOML whose keys know their place) → raw form (what is written) → resolved form (what it
//! means). Every finding is a [`Diagnostic`].

mod diagnostic;
mod document;
mod lint;
mod raw;
mod resolve;
mod source;
mod targeting;
mod tests_section;

pub use diagnostic::{Diagnostic, Diagnostics, Help, Severity};
pub use document::{Document, Entry, Section};
pub use resolve::Known;
pub use source::{Position, Source};
pub use targeting::abilities_path;

use crate::policy::Policy;

/// The top-level sections that [`Policy::read`] reads. Those of others are not looked at: whoever knows them all
/// calls [`Document::check_sections`].
pub const SECTIONS: [&str; 5] = ["models", "policy", "route", "tables", "test"];

impl Policy {
    /// Reads the sections [`SECTIONS`] of `document`. There is a policy exactly if nothing found is an error.
    ///
    /// A file that is not TOML gets no findings but those: what follows from a misread line helps nobody.
    #[must_use]
    pub fn read(document: &Document<'_>, known: &Known) -> (Option<Self>, Diagnostics) {
        let mut diagnostics = document.syntax().clone();
        if diagnostics.has_errors() {
            return (None, diagnostics);
        }
        let raw = raw::RawPolicy::read(document, &mut diagnostics);
        let policy = resolve::resolve(&raw, known, &mut diagnostics);
        (policy, diagnostics)
    }
}
