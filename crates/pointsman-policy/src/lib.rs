//! Labels, request facts, a state snapshot and the time in; a model and the reason out.
//!
//! [`Policy::read`] turns `pointsman.toml` into checked [`Table`]s and says what is wrong with it ([`config`]);
//! [`Abilities`] says how able models are, from which a [`Target`] has their chances; [`Table::decide`] answers; [`Table::matrix`] and [`Table::explain`] show why. Everything here is pure: no IO, no
//! clock, no randomness, so a decision that was recorded can be taken again, bit for bit.

mod abilities;
mod baseline;
mod catalogue;
pub mod config;
mod decide;
mod diff;
mod explain;
mod matrix;
mod model;
mod policy;
mod rename;
mod selector;
mod state;
mod table;
mod target;
mod test_block;
mod weighing;

pub use abilities::{
    Abilities, AbilitiesError, Discrimination, Estimate, KnownAbility, LIKE_SD, ModelAbility,
};
pub use baseline::{Baseline, BaselineReason};
pub use catalogue::{Catalogue, CatalogueError, ListedKind, ListedModel};
pub use diff::{CellDiff, CellSide, ModelDiff, PolicyDiff, Presence, TableDiff};
pub use explain::{Alternative, Explanation, ModelTrace, RowTrace, Verdict};
pub use matrix::{Cell, Matrix, MatrixRow, TYPICAL_INPUT};
pub use model::{Capabilities, Model, Models, Origin, Price};
pub use policy::Policy;
pub use selector::{Selector, Subject};
pub use state::{State, UnixMicros};
pub use table::{Choice, Choices, Table, TableHash};
pub use target::{Contender, EXPECTED_REPLY, Target};
pub use test_block::TestBlock;
pub use weighing::{WeighedModel, Weighing};
